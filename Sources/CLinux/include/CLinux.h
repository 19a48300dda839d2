#ifndef CLINUX_H
#define CLINUX_H

// The Linux calls that Glibc's module map leaves out: epoll, timerfd, signalfd, accept4, malloc_trim. Plain
// functions need no shim; each shim says why Swift can't import the original.

#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

// <sys/epoll.h> declares its flags as an enum and as macros for its cases; Swift imports neither as an integer.
extern const uint32_t CLinux_EPOLLIN;
extern const uint32_t CLinux_EPOLLOUT;
extern const uint32_t CLinux_EPOLLERR;
extern const uint32_t CLinux_EPOLLHUP;

// epoll_event is packed on x86-64, and its payload is a union: it is set and read here, with a type.
int CLinux_epoll_ctl(int epoll_fd, int operation, int fd, uint32_t events, uint64_t data);
uint64_t CLinux_epoll_data(const struct epoll_event *event);

// accept4 needs _GNU_SOURCE, which a module map can't define for its importers. The socket is non-blocking and
// close-on-exec.
int CLinux_accept(int listener);

// The flags of these two are enums too. All descriptors are non-blocking and close-on-exec.
int CLinux_timerfd(void);
int CLinux_signalfd(const int *signals, int count);

// Swift can't import sigset_t's macros. Blocks the signals for this thread and the threads it starts.
int CLinux_block_signals(const int *signals, int count);

// posix_spawn_file_actions_addclosefrom_np needs _GNU_SOURCE too. The tests use it to start programs.
int CLinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// Arms a CLOCK_MONOTONIC timerfd at an absolute time; 0 disarms.
int CLinux_timerfd_set(int fd, uint64_t deadline_ns);

// 1: the clock is synchronised to an external source; 0: it is not; -1: unknown. adjtimex and its status bits need
// <sys/timex.h>, which Glibc's module map leaves out.
int CLinux_clock_synchronised(void);

#endif
