/* Threads that wait for loops to share.
 *
 * They are started by the first loop that needs them, and anew in a process that was forked. One
 * loop runs at a time: a caller that finds the pool busy does its loop alone, so that there are
 * never more threads at work than were asked for, besides the callers'. After a loop a thread looks
 * out for the next one for some 0.2 ms before it sleeps: an op follows an op soon.
 *
 * An item is taken by counting up `ticket`, whose upper half is the number of the loop. So a thread
 * that comes late, or was told of a loop that is over, takes nothing, and nobody waits for it. What
 * describes a loop is changed while the ticket is beyond the last item of any: a thread that has
 * read some of it before, and some after, finds that the ticket is another one.
 */
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define MOST_THREADS 256
#define SPINS 20000 /* of some 10 ns: what passes between the ops of a small network */

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER; /* held while a loop runs */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what sleepers wait for */
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static atomic_long wanted = 1; /* threads, the caller included */
static long started;           /* besides the caller */

static _Atomic(Body) loop_body;
static _Atomic(void *) loop_work;
static atomic_long loop_count, done;
static _Atomic uint64_t ticket; /* number of the loop << 32 | its next item */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t number(uint64_t taken)
{
    return taken >> 32;
}

/* Do items of a loop until there are none left. */
static void take_part(uint64_t loop)
{
    uint64_t t = atomic_load(&ticket);
    for (;;) {
        Body body = atomic_load(&loop_body);
        void *work = atomic_load(&loop_work);
        long i = (long)(t & UINT32_MAX);
        if (number(t) != loop || i >= atomic_load(&loop_count))
            return;
        /* if this succeeds, the loop is not over, and what was read belongs to it */
        if (atomic_compare_exchange_weak(&ticket, &t, t + 1)) {
            body(work, i);
            atomic_fetch_add(&done, 1);
            t = atomic_load(&ticket);
        }
    }
}

static void *worker(void *argument)
{
    long me = (long)(intptr_t)argument;
    uint64_t seen = number(atomic_load(&ticket)) - 1;
    for (;;) {
        for (int i = 0; i < SPINS && number(atomic_load(&ticket)) == seen; i++)
            relax();
        if (number(atomic_load(&ticket)) == seen) {
            pthread_mutex_lock(&lock);
            while (number(atomic_load(&ticket)) == seen)
                pthread_cond_wait(&wake, &lock);
            pthread_mutex_unlock(&lock);
        }
        seen = number(atomic_load(&ticket));
        if (me < atomic_load(&wanted)) /* there may be more, from before */
            take_part(seen);
    }
    return 0;
}

static int start_one(void)
{
    pthread_t id;
    if (pthread_create(&id, 0, worker, (void *)(intptr_t)(started + 1)))
        return 0;
    pthread_detach(id);
    return 1;
}

void spread(Body body, void *work, long count)
{
    if (count <= 1 || count > INT32_MAX || atomic_load(&wanted) <= 1 || pthread_mutex_trylock(&busy)) {
        for (long i = 0; i < count; i++)
            body(work, i);
        return;
    }
    uint64_t before = number(atomic_load(&ticket)), loop = (before + 1) & UINT32_MAX;
    atomic_store(&ticket, before << 32 | UINT32_MAX);
    atomic_store(&loop_body, body);
    atomic_store(&loop_work, work);
    atomic_store(&loop_count, count);
    atomic_store(&done, 0);
    pthread_mutex_lock(&lock);
    atomic_store(&ticket, loop << 32);
    while (started < atomic_load(&wanted) - 1 && start_one())
        started++;
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);

    take_part(loop);
    for (long i = 0; atomic_load(&done) < count; i++)
        if (i < SPINS)
            relax();
        else
            sched_yield(); /* a thread was put aside in the middle of its item */
    pthread_mutex_unlock(&busy);
}

PUBLIC long threads(void)
{
    return atomic_load(&wanted);
}

PUBLIC void set_threads(long n)
{
    atomic_store(&wanted, n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : n);
}

/* Memory of each thread */

typedef struct {
    void *place;
    size_t bytes;
} Room;
static pthread_key_t rooms; /* each thread's two */
static atomic_long held_now, held_most;

static void count_held(long more)
{
    long now = atomic_fetch_add(&held_now, more) + more, most = atomic_load(&held_most);
    while (now > most && !atomic_compare_exchange_weak(&held_most, &most, now))
        ;
}

long held(void)
{
    return atomic_load(&held_now);
}

long most_held(void)
{
    return atomic_load(&held_most);
}

void forget_most_held(void)
{
    atomic_store(&held_most, atomic_load(&held_now));
}

static size_t pages(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

long held_here(void)
{
    const Room *room = pthread_getspecific(rooms);
    return room ? (long)(room[0].bytes + room[1].bytes) : 0;
}

static void leave(void *mine)
{
    Room *room = mine;
    count_held(-(long)(room[0].bytes + room[1].bytes));
    free(room[0].place);
    free(room[1].place);
    free(room);
}

static void *grown(int which, size_t bytes)
{
    Room *room = pthread_getspecific(rooms);
    if (!room) {
        room = calloc(2, sizeof(Room));
        pthread_setspecific(rooms, room);
    }
    room += which;
    if (room->bytes < bytes) {
        free(room->place);
        count_held(-(long)room->bytes);
        room->bytes = pages(bytes);
        room->place = aligned_alloc(64, room->bytes);
        count_held((long)room->bytes);
    }
    return room->place;
}

void *scratch(size_t bytes)
{
    return grown(0, bytes);
}

void *workspace(size_t bytes)
{
    return grown(1, bytes);
}

Needs needs_workspace(size_t bytes)
{
    return (Needs){.own = (long)pages(bytes)};
}

void needs_loop(Needs *needs, size_t bytes, long count)
{
    long room = (long)pages(bytes);
    if (count > 0 && room > needs->mine)
        needs->mine = room;
    if (count > 1 && atomic_load(&wanted) > 1 && room > needs->others)
        needs->others = room;
}

/* A fork copies the caller alone: the others must be started again. */
static void forked(void)
{
    started = 0;
    pthread_mutex_init(&busy, 0);
    pthread_mutex_init(&lock, 0);
    pthread_cond_init(&wake, 0);
}

__attribute__((constructor)) static void begin(void)
{
    pthread_key_create(&rooms, leave);
    pthread_atfork(0, 0, forked);
}
