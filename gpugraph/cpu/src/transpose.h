/* Matrices turned over, LANES x LANES at a time.
 *
 * One step deals rows like cards: row i and row i + LANES / 2, element by element in turn, become
 * rows 2i and 2i + 1. After log2(LANES) steps rows have become columns.
 */

#define FIRST_2 0, 2
#define SECOND_2 1, 3
#define FIRST_4 0, 4, 1, 5
#define SECOND_4 2, 6, 3, 7
#define FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define FIRST_(n) FIRST_##n
#define SECOND_(n) SECOND_##n
#define FIRST(n) FIRST_(n)
#define SECOND(n) SECOND_(n)

static inline __attribute__((always_inline)) void transpose(vec row[LANES])
{
    UNROLL
    for (long step = 1; step < LANES; step *= 2) {
        vec dealt[LANES];
        UNROLL
        for (long i = 0; i < LANES / 2; i++) {
            dealt[2 * i] = __builtin_shufflevector(row[i], row[i + LANES / 2], FIRST(LANES));
            dealt[2 * i + 1] = __builtin_shufflevector(row[i], row[i + LANES / 2], SECOND(LANES));
        }
        UNROLL
        for (long i = 0; i < LANES; i++)
            row[i] = dealt[i];
    }
}

/* to[j][i] = from[i][j] for `rows` rows of `cols` numbers; rows begin from_step, to_step apart. */
static void copy_turned(const REAL *from, long from_step, long rows, long cols, REAL *to, long to_step)
{
    for (long i = 0; i < rows; i += LANES)
        for (long j = 0; j < cols; j += LANES) {
            vec block[LANES];
            UNROLL
            for (long k = 0; k < LANES; k++)
                block[k] = i + k < rows ? load_some(from + (i + k) * from_step + j, cols - j) : (vec){0};
            transpose(block);
            UNROLL
            for (long k = 0; k < LANES; k++)
                if (j + k < cols)
                    store_some(to + (j + k) * to_step + i, block[k], rows - i);
        }
}
