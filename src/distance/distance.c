/*-------------------------------------------------------------------------
 *
 * distance.c
 *	  Chooses the kernels for this machine.
 *
 * The table starts out as the scalar one, so that a caller which never chose
 * is slow but right.  distance_init() is called when the library is loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernels.h"

#include <string.h>

#ifdef VDB_KERNELS_NEON
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#endif

const VdbKernels *vdb_kernels = &vdb_kernels_scalar;

const VdbKernels *const vdb_kernel_tables[] = {
#ifdef VDB_KERNELS_X86
	&vdb_kernels_avx512,
	&vdb_kernels_avx2,
#endif
#ifdef VDB_KERNELS_NEON
	&vdb_kernels_neon_dot,
	&vdb_kernels_neon,
#endif
	&vdb_kernels_scalar,
	NULL
};

bool
distance_supported(const VdbKernels *kernels)
{
	/* __builtin_cpu_supports() also asks whether the system saves registers */
#ifdef VDB_KERNELS_X86
	if (kernels == &vdb_kernels_avx512)
		return __builtin_cpu_supports("avx512f") &&
			__builtin_cpu_supports("avx512bw") &&
			__builtin_cpu_supports("avx512vl") &&
			__builtin_cpu_supports("avx512dq") &&
			__builtin_cpu_supports("avx512vnni") &&
			__builtin_cpu_supports("avx2");
	if (kernels == &vdb_kernels_avx2)
		return __builtin_cpu_supports("avx2");
#endif
#ifdef VDB_KERNELS_NEON
	if (kernels == &vdb_kernels_neon_dot)
		return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
	if (kernels == &vdb_kernels_neon)
		return true;
#endif
	return kernels == &vdb_kernels_scalar;
}

bool
distance_init(const char *name)
{
	for (const VdbKernels *const *table = vdb_kernel_tables; *table; table++)
	{
		if (strcmp(name, "auto") != 0 && strcmp(name, (*table)->name) != 0)
			continue;
		if (!distance_supported(*table))
			continue;
		vdb_kernels = *table;
		return true;
	}
	return false;
}
