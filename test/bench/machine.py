"""What the figures were measured on: processor, memory, kernel, versions."""

import datetime
import os
import platform


def first_value(path, key):
    try:
        with open(path, encoding='utf-8') as file:
            for line in file:
                name, _, value = line.partition(':')
                if name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return None


def vector_flags():
    """Instruction sets that matter to distance kernels."""
    flags = (first_value('/proc/cpuinfo', 'flags')
             or first_value('/proc/cpuinfo', 'Features') or '').split()
    wanted = ['avx2', 'fma', 'avx512f', 'avx512bw', 'avx512_vnni',
              'avx512_vpopcntdq', 'asimd', 'asimddp', 'sve']
    return [flag for flag in wanted if flag in flags]


def describe():
    memory = first_value('/proc/meminfo', 'MemTotal')
    return {
        'cpu': first_value('/proc/cpuinfo', 'model name')
        or platform.processor() or platform.machine(),
        'instruction_sets': vector_flags(),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gib': round(int(memory.split()[0]) / 2**20, 1)
        if memory else None,
        'kernel': platform.release(),
        'load_at_start': os.getloadavg()[0],
        'date': datetime.date.today().isoformat(),
    }
