/* Preloaded: answers the calls named in CRIPPLED as file systems do that lack them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static int crippled(const char *what, int error) {
    const char *all = getenv("CRIPPLED");
    if (all == NULL || strstr(all, what) == NULL) return 0;
    errno = error;
    return 1;
}

int fsync(int descriptor) {
    if (crippled("fsync", EINVAL)) return -1;
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return real(descriptor);
}

int fdatasync(int descriptor) {
    if (crippled("fsync", EINVAL)) return -1;
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return real(descriptor);
}

int flock(int descriptor, int operation) {
    if (crippled("locks", ENOLCK)) return -1;
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    return real(descriptor, operation);
}

static int controlled(const char *name, int descriptor, int command, void *argument) {
    if ((command == F_SETLK || command == F_SETLKW) && crippled("locks", ENOLCK)) return -1;
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    return real(descriptor, command, argument);
}

#define CONTROL(name)                                    \
    int name(int descriptor, int command, ...) {         \
        va_list rest;                                    \
        va_start(rest, command);                         \
        void *argument = va_arg(rest, void *);           \
        va_end(rest);                                    \
        return controlled(#name, descriptor, command, argument); \
    }
CONTROL(fcntl)
CONTROL(fcntl64)

#define MODE(name, given, passed)                        \
    int name given {                                     \
        if (crippled("chmod-refused", EPERM)) return -1; \
        if (crippled("chmod-ignored", 0)) return 0;      \
        int (*real) given = dlsym(RTLD_NEXT, #name);     \
        return real passed;                              \
    }
MODE(chmod, (const char *path, mode_t mode), (path, mode))
MODE(fchmod, (int descriptor, mode_t mode), (descriptor, mode))
MODE(fchmodat, (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))
