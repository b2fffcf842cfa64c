/*
 * A disk that a test looks over the shoulder of, preloaded: every change that the process makes below one folder is
 * written to a log, in order, together with every sync; and calls fail at random when they are told to. disk-log.ts reads
 * the log and says what its records hold; recorded-disk.ts starts processes with this library.
 *
 * Nothing is really synced: what a loss of power would leave is worked out from the log. A call and its record are one
 * step for other threads, and the process dies, when it is told to, only between two such steps, so that log and files
 * always agree. Files whose names end in "-shm" are left out: they are mapped into memory and hold nothing of worth.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The file that the test writes while the process runs; probabilities in millionths. */
struct control {
  int64_t seed;
  int64_t failing_syncs;
  int64_t failing_writes;
  int64_t failing_truncates;
  int64_t sync_microseconds; /* how long a sync takes, so that nobody's haste goes unnoticed */
  int64_t steps_to_live;     /* the process dies after so many steps; 0: it does not */
  int64_t failing_reads;     /* of the database only, so that a lock can be taken */
  int64_t error;             /* the one that calls fail with; 0: any */
};

enum type { OPEN = 1, WRITE, TRUNCATE, SYNC, UNLINK, RENAME, MAKE_FOLDER };
enum { CREATED = 1 };

/* The head of a record; a path, two paths with a zero between them, or what was written follows. */
struct record {
  uint8_t type;
  uint8_t flags;
  uint16_t error; /* of a sync that failed */
  uint32_t length;
  uint64_t handle; /* names an opened file; unique in the log */
  uint64_t offset; /* of a write; the size of a truncation */
};

#define MAX_FILES 65536
static uint64_t handles[MAX_FILES]; /* by descriptor */
static char is_database[MAX_FILES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static const char *folder;
static size_t folder_length;
static int log_file = -1;
static uint64_t next_handle;
static uint64_t random_state;
static int fails_next; /* the error of the next write, after one that was cut short */

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_close)(int);
static int (*real_unlink)(const char *);
static int (*real_remove)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_rename)(const char *, const char *);
static int (*real_mkdir)(const char *, mode_t);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static long (*real_syscall)(long, ...);

static void give_up(const char *what) {
  fprintf(stderr, "disk.c: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static void prepare(void) {
  if (real_syscall != NULL) return;
  real_open = dlsym(RTLD_NEXT, "open64");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_pread = dlsym(RTLD_NEXT, "pread64");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_close = dlsym(RTLD_NEXT, "close");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_remove = dlsym(RTLD_NEXT, "remove");
  real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_mkdir = dlsym(RTLD_NEXT, "mkdir");
  real_sendfile = dlsym(RTLD_NEXT, "sendfile64");
  real_syscall = dlsym(RTLD_NEXT, "syscall");
}

__attribute__((constructor)) static void begin(void) {
  prepare();
  const char *log = getenv("DISK_LOG");
  const char *settings = getenv("DISK_CONTROL");
  folder = getenv("DISK_FOLDER");
  if (log == NULL || settings == NULL || folder == NULL) return;
  folder_length = strlen(folder);
  int file = real_open(settings, O_RDWR | O_CLOEXEC);
  if (file < 0) give_up(settings);
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (control == MAP_FAILED) give_up(settings);
  close(file);
  log_file = real_open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (log_file < 0) give_up(log);
  next_handle = ((uint64_t) getpid() << 32) + 1;
  random_state = (uint64_t) control->seed * 0x9e3779b97f4a7c15 + 1;
}

/*
 * The handle of a descriptor, or 0. Takes no mutex: a signal's handler may write, to a pipe, wherever it interrupts the rest.
 */
static uint64_t handle_of(int file) {
  return log_file < 0 || file < 0 || file >= MAX_FILES ? 0 : __atomic_load_n(&handles[file], __ATOMIC_RELAXED);
}

static void set_handle(int file, uint64_t handle) {
  if (file >= 0 && file < MAX_FILES) __atomic_store_n(&handles[file], handle, __ATOMIC_RELAXED);
}

/* Below `mutex` from here on. */

static uint64_t draw(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state >> 11;
}

/* The error with which a call is to fail, or 0. */
static int fault(int64_t millionths) {
  static const int errors[] = { EIO, ENOSPC, EDQUOT };
  if (millionths == 0 || (int64_t) (draw() % 1000000) >= millionths) return 0;
  return control->error != 0 ? (int) control->error : errors[draw() % 3];
}

static void note(struct record record, const void *payload) {
  struct iovec parts[] = { { &record, sizeof record }, { (void *) payload, record.length } };
  ssize_t expected = sizeof record + record.length;
  if (real_writev(log_file, parts, record.length == 0 ? 1 : 2) != expected) give_up("the log");
  if (control->steps_to_live > 0 && --control->steps_to_live == 0) kill(getpid(), SIGKILL);
}

static void note_path(enum type type, const char *path) {
  note((struct record) { .type = type, .length = strlen(path) }, path);
}

static int is_inside(const char *path) {
  if (log_file < 0 || path == NULL || strncmp(path, folder, folder_length) != 0) return 0;
  if (path[folder_length] != '/' && path[folder_length] != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}


/* The end of the mutex's reach. */

static int open_file(const char *path, int flags, mode_t mode) {
  prepare();
  if (!is_inside(path)) return real_open(path, flags, mode);
  pthread_mutex_lock(&mutex);
  int created = (flags & O_CREAT) && access(path, F_OK) != 0;
  int file = real_open(path, flags, mode);
  if (file >= 0) {
    uint64_t handle = next_handle++;
    set_handle(file, handle);
    if (file < MAX_FILES) is_database[file] = strcmp(strrchr(path, '/'), "/events.db") == 0;
    note((struct record) { .type = OPEN, .flags = created ? CREATED : 0, .handle = handle, .length = strlen(path) }, path);
    if (flags & O_TRUNC) note((struct record) { .type = TRUNCATE, .handle = handle }, NULL);
  }
  pthread_mutex_unlock(&mutex);
  return file;
}

#define OPEN_FUNCTION(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_file(path, flags, mode); \
  }

OPEN_FUNCTION(open)
OPEN_FUNCTION(open64)

/*
 * Writes, and notes what was written; offset -1: where the descriptor stands. One that fails may have written the first
 * part, as a full disk does: then the next one fails.
 */
static ssize_t write_file(int file, const void *data, size_t length, off_t offset) {
  prepare();
  uint64_t handle = handle_of(file);
  if (handle == 0) return offset < 0 ? real_write(file, data, length) : real_pwrite(file, data, length, offset);
  pthread_mutex_lock(&mutex);
  int error = fails_next != 0 ? fails_next : fault(control->failing_writes);
  fails_next = 0;
  if (error != 0 && length >= 1024 && draw() % 2 == 0) {
    length = length / 1024 * 512;
    fails_next = error;
    error = 0;
  }
  ssize_t written = -1;
  if (error == 0) {
    written = offset < 0 ? real_write(file, data, length) : real_pwrite(file, data, length, offset);
    error = errno;
    if (written > 0) {
      off_t at = offset < 0 ? lseek(file, 0, SEEK_CUR) - written : offset;
      note((struct record) { .type = WRITE, .length = written, .handle = handle, .offset = at }, data);
    }
  }
  pthread_mutex_unlock(&mutex);
  if (written < 0) errno = error;
  return written;
}

ssize_t write(int file, const void *data, size_t length) { return write_file(file, data, length, -1); }
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) { return write_file(file, data, length, offset); }
ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) { return write_file(file, data, length, offset); }

static ssize_t read_file(int file, void *data, size_t length, off_t offset) {
  prepare();
  int error = 0;
  if (handle_of(file) != 0 && is_database[file]) {
    pthread_mutex_lock(&mutex);
    error = fault(control->failing_reads);
    pthread_mutex_unlock(&mutex);
  }
  if (error == 0) return real_pread(file, data, length, offset);
  errno = error;
  return -1;
}

ssize_t pread(int file, void *data, size_t length, off_t offset) { return read_file(file, data, length, offset); }
ssize_t pread64(int file, void *data, size_t length, off64_t offset) { return read_file(file, data, length, offset); }

static ssize_t write_parts(int file, const struct iovec *parts, int count, off_t offset) {
  ssize_t sum = 0;
  for (int i = 0; i < count; i++) {
    if (parts[i].iov_len == 0) continue;
    ssize_t written = write_file(file, parts[i].iov_base, parts[i].iov_len, offset < 0 ? -1 : offset + sum);
    if (written < 0) return sum > 0 ? sum : -1;
    sum += written;
    if ((size_t) written < parts[i].iov_len) break;
  }
  return sum;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  prepare();
  return handle_of(file) != 0 ? write_parts(file, parts, count, -1) : real_writev(file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
  prepare();
  return handle_of(file) != 0 ? write_parts(file, parts, count, offset) : real_pwritev(file, parts, count, offset);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) { return pwritev(file, parts, count, offset); }

/* What copies within the kernel says it cannot, so that the caller reads and writes. */

ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  prepare();
  if (handle_of(to) == 0) return real_sendfile(to, from, offset, length);
  char data[65536];
  ssize_t got = offset != NULL ? pread(from, data, length < sizeof data ? length : sizeof data, *offset) : read(from, data, length < sizeof data ? length : sizeof data);
  if (got <= 0) return got;
  ssize_t written = write_file(to, data, got, -1);
  if (offset != NULL && written > 0) *offset += written;
  return written;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) { return sendfile(to, from, offset, length); }

long syscall(long number, ...) {
  prepare();
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_copy_file_range && handle_of((int) a[2]) != 0) {
    errno = ENOSYS;
    return -1;
  }
  if (number == SYS_close) set_handle((int) a[0], 0); /* as libuv closes */
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int close(int file) {
  prepare();
  set_handle(file, 0);
  return real_close(file);
}

int ftruncate(int file, off_t size) {
  prepare();
  uint64_t handle = handle_of(file);
  if (handle == 0) return real_ftruncate(file, size);
  pthread_mutex_lock(&mutex);
  int error = fault(control->failing_truncates);
  int result = -1;
  if (error == 0) {
    result = real_ftruncate(file, size);
    error = errno;
    if (result == 0) note((struct record) { .type = TRUNCATE, .handle = handle, .offset = size }, NULL);
  }
  pthread_mutex_unlock(&mutex);
  if (result != 0) errno = error;
  return result;
}

int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }

static int sync_file(int file, int (*real)(int)) {
  uint64_t handle = handle_of(file);
  if (handle == 0) return real(file);
  pthread_mutex_lock(&mutex);
  if (control->sync_microseconds > 0) usleep(control->sync_microseconds);
  int error = fault(control->failing_syncs);
  note((struct record) { .type = SYNC, .error = error, .handle = handle }, NULL);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return error == 0 ? 0 : -1;
}

int fsync(int file) {
  prepare();
  return sync_file(file, real_fsync);
}

int fdatasync(int file) {
  prepare();
  return sync_file(file, real_fdatasync);
}

static int unlink_file(const char *path) {
  pthread_mutex_lock(&mutex);
  int result = real_unlink(path);
  int error = errno;
  if (result == 0) note_path(UNLINK, path);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int unlink(const char *path) {
  prepare();
  return is_inside(path) ? unlink_file(path) : real_unlink(path);
}

/* As the C++ library deletes files: by a full path, or by a name in an opened folder. */

int remove(const char *path) {
  prepare();
  struct stat status;
  return is_inside(path) && lstat(path, &status) == 0 && !S_ISDIR(status.st_mode) ? unlink_file(path) : real_remove(path);
}

int unlinkat(int parent, const char *name, int flags) {
  prepare();
  if ((flags & AT_REMOVEDIR) || log_file < 0 || (parent == AT_FDCWD && name[0] != '/')) return real_unlinkat(parent, name, flags);
  char path[8192];
  size_t length = 0;
  if (name[0] != '/') {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", parent);
    ssize_t got = readlink(link, path, sizeof path / 2);
    if (got < 0) return real_unlinkat(parent, name, flags);
    length = got;
    path[length++] = '/';
  }
  snprintf(path + length, sizeof path - length, "%s", name);
  return is_inside(path) ? unlink_file(path) : real_unlinkat(parent, name, flags);
}

int rename(const char *from, const char *to) {
  prepare();
  if (!is_inside(from) || !is_inside(to)) return real_rename(from, to);
  pthread_mutex_lock(&mutex);
  int result = real_rename(from, to);
  int error = errno;
  if (result == 0) {
    char both[8192];
    int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
    note((struct record) { .type = RENAME, .length = length }, both);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int mkdir(const char *path, mode_t mode) {
  prepare();
  if (!is_inside(path)) return real_mkdir(path, mode);
  pthread_mutex_lock(&mutex);
  int result = real_mkdir(path, mode);
  int error = errno;
  if (result == 0) note_path(MAKE_FOLDER, path);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}
