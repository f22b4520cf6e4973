/* Vectors of whole numbers as wide as REAL: what comparisons give, -1 for yes and 0 for no. */

#if REAL_BYTES == 4
typedef int32_t whole_lane;
#else
typedef int64_t whole_lane;
#endif
typedef whole_lane whole __attribute__((vector_size(VECTOR_BYTES)));

/* As many bytes as a vector has lanes. */
typedef unsigned char bytes __attribute__((vector_size(LANES)));

/* All lanes n. */
static inline whole all_whole(int n)
{
    return (whole_lane)n - (whole){0};
}

/* a where yes, else b. */
static inline vec pick(whole yes, vec a, vec b)
{
    return (vec)((yes & (whole)a) | (~yes & (whole)b));
}

static inline whole pick_whole(whole yes, whole a, whole b)
{
    return (yes & a) | (~yes & b);
}

/* a where yes, else 0: also for NaN and infinities. */
static inline vec only(whole yes, vec a)
{
    return (vec)(yes & (whole)a);
}
