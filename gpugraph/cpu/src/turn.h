/* Images from planes to channels last, or back: y[n][j][i] = x[n][i][j]. */

typedef struct {
    const REAL *x;
    REAL *y;
    long rows, cols;
    long chunk, chunks; /* of the longer side, for each to be a job */
} Turning;

#define CHUNK (16 << 10) /* numbers of a job */

static void turn_job(void *work, long number)
{
    const Turning *t = work;
    long image = number / t->chunks * t->rows * t->cols, first = number % t->chunks * t->chunk;
    int by_rows = t->rows > t->cols;
    long left = (by_rows ? t->rows : t->cols) - first, count = left < t->chunk ? left : t->chunk;
    if (by_rows)
        copy_turned(t->x + image + first * t->cols, t->cols, count, t->cols, t->y + image + first, t->rows);
    else
        copy_turned(t->x + image + first, t->cols, t->rows, count, t->y + image + first * t->rows, t->rows);
}

void EXPORT(turn)(long images, long rows, long cols, const REAL *x, REAL *y)
{
    long shorter = rows < cols ? rows : cols, longer = rows < cols ? cols : rows;
    long chunk = (CHUNK / shorter / LANES + 1) * LANES;
    Turning t = {x, y, rows, cols, chunk, (longer + chunk - 1) / chunk};
    spread(turn_job, &t, images * t.chunks);
}
