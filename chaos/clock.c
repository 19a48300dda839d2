// clock.c: a wall clock that a scenario sets, preloaded into one process.
//
// Adds the seconds in the file named by CHAOS_CLOCK to the results of gettimeofday, time and
// clock_gettime(CLOCK_REALTIME); other clocks are unchanged. Setting the machine's own clock would affect other tests.
// Debian's libfaketime 0.9.10 does not work with redis-server: both need memory before either is initialised
// (jemalloc).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t offset(void) {
    static int file = -1;
    if (file < 0) {
        const char *path = getenv("CHAOS_CLOCK");
        if (path == NULL || (file = open(path, O_RDONLY | O_CLOEXEC)) < 0) return 0;
    }
    char text[24];
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    if (length <= 0) return 0;
    text[length] = 0;
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int result = (int)syscall(SYS_gettimeofday, now, zone);
    if (result == 0) now->tv_sec += offset();
    return result;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL) *now = exact.tv_sec;
    return exact.tv_sec;
}
