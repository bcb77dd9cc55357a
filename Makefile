# The C parts: BPF objects and the CNI shim. `npm run build` calls this and then tsc.

CLANG ?= clang
MULTIARCH := $(shell $(CLANG) -print-multiarch)
BPF_FLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -I/usr/include/$(MULTIARCH)
PROGRAM_FLAGS := -O2 -D_GNU_SOURCE -Wall -Wextra -Werror
SHIM_FLAGS := -O2 -static -Wall -Wextra -Werror

EXAMPLES := $(patsubst %.bpf.c,dist/%.bpf.o,$(wildcard examples/ebpf/*.bpf.c))
TEST_OBJECTS := $(patsubst %.bpf.c,dist/%.bpf.o,$(wildcard test/bpf/*.bpf.c))
TEST_PROGRAMS := $(patsubst %.c,dist/%,$(wildcard test/lab/programs/*.c))

all: dist/bpf/datapath.bpf.o $(EXAMPLES) $(TEST_OBJECTS) $(TEST_PROGRAMS) $(patsubst shim/%.c,dist/shim/heddle-%,$(wildcard shim/*.c))

dist/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h bpf/*.c)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@

dist/examples/ebpf/%.bpf.o: examples/ebpf/%.bpf.c $(wildcard examples/ebpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@

dist/test/bpf/%.bpf.o: test/bpf/%.bpf.c $(wildcard test/bpf/*.h bpf/shared*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@

dist/test/lab/programs/%: test/lab/programs/%.c
	@mkdir -p $(@D)
	$(CLANG) $(PROGRAM_FLAGS) $< -o $@

dist/shim/heddle-%: shim/%.c $(wildcard shim/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(SHIM_FLAGS) $< -o $@

# The measuring programs; only `npm run bench` needs them.
BENCH_OBJECTS := $(patsubst %.bpf.c,dist/%.bpf.o,$(wildcard bench/programs/*.bpf.c))
BENCH_PROGRAMS := $(filter-out %.bpf,$(patsubst %.c,dist/%,$(wildcard bench/programs/*.c)))
bench: $(BENCH_OBJECTS) $(BENCH_PROGRAMS)

dist/bench/programs/%.bpf.o: bench/programs/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@

# Executed once per pod, as the shim is.
dist/bench/programs/bare_plugin: PROGRAM_FLAGS += -static

dist/bench/programs/%: bench/programs/%.c $(wildcard bench/programs/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(PROGRAM_FLAGS) $< -o $@

.PHONY: all bench
