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

/* and for what calls `spread`. Both stay with the thread, for the next kernel. */
void *workspace(size_t bytes);

/* Bytes that this thread has of both; all threads; and the most they had since `forget_most_held`. */
PUBLIC long held_here(void);
PUBLIC long held(void);
PUBLIC long most_held(void);
PUBLIC void forget_most_held(void);

/* What a kernel will take, for those who plan: each has a `NAME_needs`, which sizes things as the
 * kernel does. In bytes: `workspace` of the caller, `scratch` of the caller, and of any other
 * thread. */
typedef struct { long own, mine, others; } Needs;

/* Start from so much workspace, */
Needs needs_workspace(size_t bytes);

/* and add a loop whose bodies take so much scratch; one of a single item is the caller's. */
void needs_loop(Needs *needs, size_t bytes, long count);
