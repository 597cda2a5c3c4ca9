/* Loaded into a server or a runner before libc: moves its clock, and notes what of its files has been synced.
 *
 * SHIM_CLOCK: a file of 8 bytes, the seconds by which the clock on the wall is wrong; the test writes it while we run.
 * SHIM_SYNCED: a file to which each finished fsync of a file adds a line: its inode, and the size it covers.
 * System calls are made as such, not through the libc function of the same name: looking that up would allocate, and the
 * allocator of redis-server is not ready so early. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *wrong_by;
static int synced = -1;

__attribute__((constructor)) static void begin(void) {
    const char *clock = getenv("SHIM_CLOCK"), *log = getenv("SHIM_SYNCED");
    if (clock) {
        int fd = open(clock, O_RDONLY | O_CLOEXEC);
        void *at = mmap(0, sizeof *wrong_by, PROT_READ, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) wrong_by = at;
        close(fd);
    }
    if (log) synced = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, id, now);
    if (!failed && wrong_by && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *wrong_by;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec at;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &at);
    if (now) now->tv_sec = at.tv_sec, now->tv_usec = at.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *now) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (now) *now = at.tv_sec;
    return at.tv_sec;
}

static int noted(int fd, long call) {
    struct stat before;
    int known = fstat(fd, &before); /* what is written meanwhile may be missing on the disk */
    int failed = syscall(call, fd);
    if (!failed && !known && synced >= 0 && S_ISREG(before.st_mode)) {
        char line[64];
        int length = snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)before.st_ino, (long long)before.st_size);
        if (write(synced, line, length) != length) abort();
    }
    return failed;
}

int fsync(int fd) { return noted(fd, SYS_fsync); }
int fdatasync(int fd) { return noted(fd, SYS_fdatasync); }
