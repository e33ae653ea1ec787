#pragma once
// The gateway's own health as points: CPU share, memory, load, disk, every `every` (default 10 s).

#include "device/sources/sources.h"

namespace mw::sources {

struct HostSample {
    double cpu_share = 0;  // 0 to 1 of all cores, since the last sample
    double memory_used_bytes = 0;
    double memory_total_bytes = 0;
    double load_1min = 0;
    double disk_free_bytes = 0;  // of the file system of `path`
    double process_rss_bytes = 0;
};

// Reads /proc; keeps the last CPU counters. Missing files give zeros.
class HostProbe {
 public:
    HostSample sample(const std::string& path);

 private:
    std::uint64_t busy_ = 0, total_ = 0;
};

class HostSource final : public Source {
 public:
    HostSource(nanoseconds every, SourceContext context);
    Task<> run(SourceSink& sink, Bytes checkpoint) override;
    const std::string& name() const override { return context_.name; }
    SourceStatus status() const override { return status_; }

 private:
    nanoseconds every_;
    SourceContext context_;
    SourceStatus status_;
    HostProbe probe_;
};

}  // namespace mw::sources
