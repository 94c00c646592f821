/* Stands between a program and its files: at the n-th durable call it kills, tears or fails.
 *
 * Preloaded into a process of the tests. A call counts if it touches a file below the watched
 * directory; a run of writes to one file counts once. The test shares a small control file with
 * the process, so nothing has to be signalled.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OFF, COUNT, KILL_BEFORE, TEAR, KILL_AFTER, FAIL_ONE, FAIL_WRITES };

/* The same order in hubs.py. */
static volatile struct { int32_t mode, at, seen, error; uint8_t writes[4080]; } *control;
static char watched[512];
static int last_written = -1;

void shim_attach(const char *path, const char *directory) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    strncpy(watched, directory, sizeof watched - 1);
    control = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
}

static int below(const char *path) {
    return path && strncmp(path, watched, strlen(watched)) == 0;
}

static int fd_below(int fd) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

static void die(void) { kill(getpid(), SIGKILL); }

/* Return whether this call is the chosen one; writes are told apart to be torn. */
static int chosen(int fd, int writes) {
    int mode = control->mode;
    if (mode == FAIL_WRITES) return writes;
    if (writes && fd == last_written) return 0;
    last_written = writes ? fd : -1;
    int n = __sync_add_and_fetch(&control->seen, 1);
    if (n < 4080) control->writes[n] = writes;
    if (n != control->at) return 0;
    if (mode == KILL_BEFORE || (mode == TEAR && !writes)) die();
    return 1;
}

#define ON(watch) (control && control->mode && (watch))
#define FAILS (control->mode == FAIL_ONE || control->mode == FAIL_WRITES)
#define CALL(type, name, params, args, watch, fd, writes, torn)                                    \
    type name params {                                                                             \
        static type(*real) params;                                                                 \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                 \
        int hit = ON(watch) && chosen(fd, writes);                                                 \
        if (hit && FAILS) { errno = control->error; return -1; }                                   \
        if (hit && control->mode == TEAR) { torn; die(); }                                         \
        type result = real args;                                                                   \
        if (hit && control->mode == KILL_AFTER) die();                                             \
        return result;                                                                             \
    }

CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), fd_below(fd), fd, 1,
     real(fd, data, size / 2))
CALL(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at),
     fd_below(fd), fd, 1, real(fd, data, size / 2, at))
CALL(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at),
     fd_below(fd), fd, 1, real(fd, data, size / 2, at))
CALL(int, fsync, (int fd), (fd), fd_below(fd), fd, 0, )
CALL(int, fdatasync, (int fd), (fd), fd_below(fd), fd, 0, )
CALL(int, ftruncate, (int fd, off_t size), (fd, size), fd_below(fd), fd, 0, )
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), fd_below(fd), fd, 0, )
CALL(int, rename, (const char *old, const char *new), (old, new), below(new), -1, 0, )
CALL(int, link, (const char *old, const char *new), (old, new), below(new), -1, 0, )
CALL(int, unlink, (const char *path), (path), below(path), -1, 0, )

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        static int (*real)(const char *, int, ...);                                                \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                 \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                  \
        va_end(rest);                                                                              \
        int hit = ON((flags & O_EXCL) && below(path)) && chosen(-1, control->mode == FAIL_WRITES); \
        if (hit && FAILS) { errno = control->error; return -1; }                                   \
        int result = real(path, flags, mode);                                                      \
        if (hit && control->mode == KILL_AFTER) die();                                             \
        return result;                                                                             \
    }
OPEN(open)
OPEN(open64)
