/* place.h - takes a test's directory away with everything in it. */
#ifndef TESTS_PLACE_H
#define TESTS_PLACE_H
#include <ftw.h>
#include <stdio.h>

static int place_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

/* 0, or -1: something is still there. */
static inline int place_remove(const char *dir)
{
	return nftw(dir, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
#endif
