#pragma once
/// \file What a run's last bits depend on besides its config: the processor, the threads, and what was built
/// with.

#include <map>
#include <string>
#include <vector>

namespace dlb::regress {

/// A kind of machine: runs on two machines of one kind give the same bits. Facts by name, such as
/// {"threads": "2"}.
using Machine = std::map<std::string, std::string>;

/// The kind of the present machine with `threads` threads: processor (maker, family, model), instruction
/// sets, threads, build, compiler and the libraries that compute.
Machine this_machine(int threads);

/// The maker, family and model in the text of /proc/cpuinfo, which tell processors with other caches apart;
/// `architecture` where it has none of them.
std::string processor_kind(const std::string& cpuinfo, const std::string& architecture);

/// What differs, as "threads 4, not 2"; empty for machines of one kind. `found` comes first.
std::vector<std::string> differences(const Machine& found, const Machine& expected);

}  // namespace dlb::regress
