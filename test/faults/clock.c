/*
 * The clock of a whole process, preloaded: what the wall clock, the monotonic clock and the system's uptime say is what
 * they say outside plus offsets that a test changes while the process runs. The offsets lie in a file, mapped into memory;
 * see process-clock.ts, which writes it. The name of the system's boot (boot_id) can be another one as well.
 *
 * Waiting is not altered: a timeout lasts as long as it would, but a loop that looks at its clock after it woke up sees
 * the time that the test let pass.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

/* The file. All times in nanoseconds; `sequence` is odd while the rest is being written. */
struct settings {
  int64_t sequence;
  int64_t wall;
  int64_t monotonic;
  int64_t boottime;
  int64_t drift;       /* billionths by which the wall clock runs faster than the monotonic one ... */
  int64_t drift_since; /* ... since this time by the real monotonic clock */
  int64_t boot;        /* number of the boot; 0: the real one */
};

static const volatile struct settings *shared;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_open)(const char *, int, ...);
static int (*real_open64)(const char *, int, ...);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
static int (*real_sem_timedwait)(sem_t *, const struct timespec *);

/* Others may ask for the time before the constructor below has run. */
static void prepare(void) {
  if (real_sem_timedwait != NULL) return;
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_open = dlsym(RTLD_NEXT, "open");
  real_open64 = dlsym(RTLD_NEXT, "open64");
  real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  real_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  real_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
}

__attribute__((constructor)) static void map_settings(void) {
  prepare();
  const char *path = getenv("PROCESS_CLOCK");
  if (path == NULL) return;
  int file = real_open(path, O_RDONLY | O_CLOEXEC);
  void *memory = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct settings), PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "PROCESS_CLOCK=%s: %s\n", path, strerror(errno));
    _exit(1);
  }
  close(file);
  shared = memory;
}

static struct settings settings(void) {
  static const struct settings none;
  if (shared == NULL) return none;
  struct settings copy;
  for (;;) {
    int64_t before = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
    memcpy(&copy, (const void *) shared, sizeof copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (before % 2 == 0 && __atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) == before) return copy;
  }
}

static int64_t real_time(clockid_t clock) {
  struct timespec time;
  real_clock_gettime(clock, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t offset_of(clockid_t clock, const struct settings *now) {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
      if (now->drift == 0) return now->wall;
      return now->wall + (int64_t) ((__int128) (real_time(CLOCK_MONOTONIC) - now->drift_since) * now->drift / SECOND);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
      return now->monotonic;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      return now->boottime;
    default: /* the processor time of a process or thread */
      return 0;
  }
}

static void add(struct timespec *time, int64_t offset) {
  int64_t sum = time->tv_sec * SECOND + time->tv_nsec + offset;
  if (sum < 0) sum = 0;
  time->tv_sec = sum / SECOND;
  time->tv_nsec = sum % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  prepare();
  int result = real_clock_gettime(clock, time);
  if (result != 0 || shared == NULL) return result;
  struct settings now = settings();
  add(time, offset_of(clock, &now));
  return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  if (zone != NULL) memset(zone, 0, sizeof(struct timezone));
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  time->tv_sec = wall.tv_sec;
  time->tv_usec = wall.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  if (result != NULL) *result = wall.tv_sec;
  return wall.tv_sec;
}

/* The moments until which threads wait are made of the clocks above; the kernel compares them with its own. */
static struct timespec outside(clockid_t clock, const struct timespec *until) {
  struct timespec time = *until;
  struct settings now = settings();
  add(&time, -offset_of(clock, &now));
  return time;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  prepare();
  /* Which clock the condition goes by cannot be asked; no uptime is thirty years. */
  struct timespec time = outside(until->tv_sec > 1000000000 ? CLOCK_REALTIME : CLOCK_MONOTONIC, until);
  return real_timedwait(condition, mutex, &time);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock, const struct timespec *restrict until) {
  prepare();
  struct timespec time = outside(clock, until);
  return real_clockwait(condition, mutex, clock, &time);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  prepare();
  struct timespec time = outside(CLOCK_REALTIME, until);
  return real_sem_timedwait(semaphore, &time);
}

/* A file that holds this text; -1 where the real one is to be opened. */
static int substitute(const char *path) {
  if (shared == NULL) return -1;
  struct settings now = settings();
  char text[64];
  int length;
  if (strcmp(path, "/proc/uptime") == 0) {
    int64_t uptime = real_time(CLOCK_BOOTTIME) + now.boottime;
    if (uptime < 0) uptime = 0;
    length = snprintf(text, sizeof text, "%lld.%02lld 0.00\n", (long long) (uptime / SECOND), (long long) (uptime % SECOND / (SECOND / 100)));
  } else if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 && now.boot != 0) {
    length = snprintf(text, sizeof text, "00000000-0000-4000-8000-%012llx\n", (unsigned long long) now.boot);
  } else {
    return -1;
  }
  int file = memfd_create("substitute", MFD_CLOEXEC);
  if (file < 0) return -1;
  if (write(file, text, length) != length) abort();
  lseek(file, 0, SEEK_SET);
  return file;
}

#define OPEN(name, real) \
  int name(const char *path, int flags, ...) { \
    prepare(); \
    int file = substitute(path); \
    if (file >= 0) return file; \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return real(path, flags, mode); \
  }

OPEN(open, real_open)
OPEN(open64, real_open64)
