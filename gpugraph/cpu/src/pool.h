/* Threads that wait for loops to share. */
#include <stddef.h>

#define PUBLIC __attribute__((visibility("default")))

/* Calls body(work, i) for each i in 0 .. count-1, spread over the threads. */
typedef void (*Body)(void *work, long i);
void spread(Body body, void *work, long count);

/* How many threads there are, the caller included. */
PUBLIC long threads(void);

/* Memory of this thread, aligned for vectors, until it asks again: for a body, */
void *scratch(size_t bytes);

/* and for what calls `spread`. */
void *workspace(size_t bytes);
