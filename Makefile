# vectordb: built with PGXS.  "make", "make install", "make installcheck";
# script/test runs everything on a private server.

EXTENSION = vectordb
EXTVERSION = 0.1.0
MODULE_big = vectordb

SOURCES = $(wildcard src/*.c src/base/*.c src/distance/*.c src/quant/*.c \
	src/type/*.c src/storage/*.c src/graph/*.c \
	src/am/common/*.c src/am/flat/*.c src/am/hnsw/*.c src/worker/*.c \
	src/admin/*.c)
OBJS = $(SOURCES:.c=.o)
DEPS = $(OBJS:.o=.d)

# The install script is put together from one part per subject, in this order.
SQL_PARTS = src/sql/header.sql src/sql/type.sql src/sql/sphere.sql \
	src/sql/flat.sql src/sql/hnsw.sql src/sql/admin.sql src/sql/comments.sql
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

REGRESS_OPTS = --inputdir=. --load-extension=$(EXTENSION)
REGRESS = $(notdir $(basename $(sort $(wildcard sql/*.sql))))

EXTRA_CLEAN = $(DEPS) $(OBJS:.o=.bc) results regression.diffs regression.out \
	output_iso

# Distances must have the same bits on every machine (src/distance/README.md):
# no contraction into fused operations, no fast-math, no -march.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-clobbered -fvisibility=hidden \
	-ffp-contract=off -fno-math-errno -O2 -MMD -MP
PG_CPPFLAGS = -I$(srcdir)/src

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# clang has no -Wno-clobbered; the bitcode build uses clang.
BITCODE_CFLAGS += -Wno-unknown-warning-option
ifneq (,$(findstring clang,$(CC)))
# Flags and headers of a server that was built with gcc are not all clang's.
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-attributes \
	-Wno-ignored-optimization-argument
endif

$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS)
	cat $^ > $@

-include $(DEPS)
