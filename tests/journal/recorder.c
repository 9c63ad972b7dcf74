/* Preloaded into a writer: logs what it does to the files below RECORD_DIR, in order, so that a power cut can be played at any point.
 * A record: op, file descriptor (u32), offset (i64, -1 for "at the end"), length (u64), bytes. Little-endian, no padding.
 * ops: O opened (bytes = path), W written, T cut to offset, S synced, U unlinked (bytes = path). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FDS 1024

static char watched[FDS];
static int out = -1;

static void put(const void *bytes, size_t length)
{
    if (REAL(write)(out, bytes, length) != (ssize_t)length)
        abort();
}

static void record(char op, uint32_t fd, int64_t offset, const void *bytes, uint64_t length)
{
    if (out < 0)
        out = REAL(open)(getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    put(&op, 1);
    put(&fd, 4);
    put(&offset, 8);
    put(&length, 8);
    put(bytes, length);
}

static int below(const char *path)
{
    const char *folder = getenv("RECORD_DIR");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int opened(const char *path, int fd, int flags)
{
    if (fd >= 0 && fd < FDS) {
        watched[fd] = below(path);
        if (watched[fd]) {
            record('O', fd, 0, path, strlen(path));
            if (flags & O_TRUNC)
                record('T', fd, 0, "", 0);
        }
    }
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        return opened(path, REAL(name)(path, flags, mode), flags); \
    }
OPEN(open)
OPEN(open64)

static int seen(int fd) { return fd >= 0 && fd < FDS && watched[fd]; }

ssize_t write(int fd, const void *bytes, size_t length)
{
    ssize_t done = REAL(write)(fd, bytes, length);
    if (done > 0 && seen(fd))
        record('W', fd, -1, bytes, done);
    return done;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) \
    { \
        ssize_t done = REAL(name)(fd, bytes, length, offset); \
        if (done > 0 && seen(fd)) \
            record('W', fd, offset, bytes, done); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) \
    { \
        int failed = REAL(name)(fd, length); \
        if (!failed && seen(fd)) \
            record('T', fd, length, "", 0); \
        return failed; \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int fd) \
    { \
        int failed = REAL(name)(fd); \
        if (!failed && seen(fd)) \
            record('S', fd, 0, "", 0); \
        return failed; \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path)
{
    int failed = REAL(unlink)(path);
    if (!failed && below(path))
        record('U', 0, 0, path, strlen(path));
    return failed;
}
