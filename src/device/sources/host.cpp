#include "device/sources/host.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace mw::sources {
namespace {

double meminfo_bytes(const std::string& text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string::npos) return 0;
    return std::strtod(text.c_str() + at + key.size(), nullptr) * 1024;
}

std::string read_text(const char* path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void add(Batch& batch, Timestamp time, const char* signal, const char* unit, double value) {
    const auto at = static_cast<std::uint32_t>(batch.times.size());
    batch.runs.push_back({signal, unit, at, at + 1});
    batch.times.push_back(time);
    batch.values.push_back(value);
    batch.quality.push_back(Quality::good());
}

}  // namespace

HostSample HostProbe::sample(const std::string& path) {
    HostSample sample;
    std::istringstream stat(read_text("/proc/stat"));
    std::string cpu;
    std::uint64_t total = 0, idle = 0, field = 0;
    stat >> cpu;
    for (int i = 0; i < 8 && stat >> field; ++i) {
        total += field;
        if (i == 3 || i == 4) idle += field;  // idle, iowait
    }
    const std::uint64_t busy = total - idle;
    if (total > total_ && total_ > 0)
        sample.cpu_share = static_cast<double>(busy - busy_) / static_cast<double>(total - total_);
    busy_ = busy, total_ = total;
    const std::string memory = read_text("/proc/meminfo");
    sample.memory_total_bytes = meminfo_bytes(memory, "MemTotal:");
    sample.memory_used_bytes = sample.memory_total_bytes - meminfo_bytes(memory, "MemAvailable:");
    sample.load_1min = std::strtod(read_text("/proc/loadavg").c_str(), nullptr);
    sample.process_rss_bytes = meminfo_bytes(read_text("/proc/self/status"), "VmRSS:");
    struct statvfs disk {};
    if (statvfs(path.c_str(), &disk) == 0)
        sample.disk_free_bytes =
            static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    return sample;
}

HostSource::HostSource(nanoseconds every, SourceContext context)
    : every_(every), context_(std::move(context)) {}

Task<> HostSource::run(SourceSink& sink, Bytes) {
    status_.state = "running";
    Batch batch;
    for (;;) {
        const HostSample sample = probe_.sample(".");
        const Timestamp now = context_.clock->now();
        batch.clear();
        batch.device = context_.device;
        batch.position.stream = context_.name;
        add(batch, now, "host.cpu_share", "1", sample.cpu_share);
        add(batch, now, "host.memory_used", "By", sample.memory_used_bytes);
        add(batch, now, "host.load_1min", "1", sample.load_1min);
        add(batch, now, "host.disk_free", "By", sample.disk_free_bytes);
        status_.points += batch.size();
        CO_TRY_VOID(co_await sink.accept(batch, Bytes{}));
        CO_TRY_VOID(co_await sleep_for(every_));
    }
}

}  // namespace mw::sources
