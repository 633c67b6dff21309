/* LD_PRELOAD for kernels without /dev/udmabuf: libcamera's virtual camera gets its buffers from there, and plain shared
 * memory is enough, since no hardware reads them. Opening the device gives a memfd; creating a buffer from another memfd
 * gives that memfd itself; synchronising caches does nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

static const char DEVICE[] = "/dev/udmabuf";

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
	int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

	if (path && strcmp(path, DEVICE) == 0)
		return memfd_create("udmabuf", MFD_CLOEXEC);
	return next(path, flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list more;

	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list more;

	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return open_as("open64", path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_list more;

	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	if (request == UDMABUF_CREATE)
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	if (request == DMA_BUF_IOCTL_SYNC)
		return 0;
	return next(fd, request, argument);
}
