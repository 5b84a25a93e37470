/* A full disk, for a program that is started with this preloaded: while the file FULL_DISK_WHILE is there, no file below the
 * folder FULL_DISK_BELOW grows; who tries gets ENOSPC. What has its place already is written as ever, as on a real disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether `size` bytes at `offset` (-1: where the file stands) would make a file below the folder larger, while it must not. */
static int is_refused(int fd, off64_t offset, size_t size) {
    const char *below = getenv("FULL_DISK_BELOW"), *switched = getenv("FULL_DISK_WHILE");
    if (!below || !switched || access(switched, F_OK) != 0) return 0;
    char link[64], path[PATH_MAX];
    strcpy(link, "/proc/self/fd/");
    char digits[16], *digit = digits + sizeof digits - 1;
    *digit = 0;
    for (int n = fd; n > 0 || *digit == 0; n /= 10) *--digit = (char)('0' + n % 10);
    strcat(link, digit);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    size_t folder = strlen(below);
    if (strncmp(path, below, folder) != 0 || path[folder] != '/') return 0;
    struct stat64 state;
    if (fstat64(fd, &state) != 0 || !S_ISREG(state.st_mode)) return 0;
    if (offset < 0) offset = lseek64(fd, 0, SEEK_CUR);
    return offset >= 0 && offset + (off64_t)size > state.st_size;
}

static size_t total(const struct iovec *parts, int count) {
    size_t size = 0;
    for (int n = 0; n < count; n++) size += parts[n].iov_len;
    return size;
}

/* `name` as the next library has it, unless the disk is full for these bytes. */
#define PASS_UNLESS_FULL(result, name, parameters, arguments, offset, size, refuse) \
    result name parameters {                                                        \
        static result(*next) parameters;                                            \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);                       \
        int before = errno, full = is_refused(fd, offset, size);                    \
        errno = before;                                                             \
        if (full) refuse;                                                           \
        return next arguments;                                                      \
    }
#define FAIL { errno = ENOSPC; return -1; }

PASS_UNLESS_FULL(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), -1, size, FAIL)
PASS_UNLESS_FULL(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), -1, total(parts, count), FAIL)
PASS_UNLESS_FULL(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at), at, size, FAIL)
PASS_UNLESS_FULL(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at), at, size, FAIL)
PASS_UNLESS_FULL(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at), at, total(parts, count), FAIL)
PASS_UNLESS_FULL(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at), at, total(parts, count), FAIL)
PASS_UNLESS_FULL(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), at, (size_t)size, FAIL)
PASS_UNLESS_FULL(int, fallocate64, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size), at, (size_t)size, FAIL)
PASS_UNLESS_FULL(int, posix_fallocate, (int fd, off_t at, off_t size), (fd, at, size), at, (size_t)size, return ENOSPC)
PASS_UNLESS_FULL(int, posix_fallocate64, (int fd, off64_t at, off64_t size), (fd, at, size), at, (size_t)size, return ENOSPC)
