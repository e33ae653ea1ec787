#pragma once
// The sketches of all devices, durable before they are acknowledged (docs/formats/sketch.md).
// Belongs to the data loop. Limits: bytes on disk; the oldest segments go first.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "data/ingest/ingest.h"
#include "platform/files/files.h"

namespace mw::monitors {

struct SketchLogOptions {
    std::string directory;
    std::uint64_t log_bytes_max = std::uint64_t{256} << 20;
    std::size_t segment_bytes = std::size_t{4} << 20;
};

struct StoredSketch {
    std::string device;
    std::string model;
    Bytes body;
};

class SketchLog final : public ingest::ReportKeeper {
 public:
    // Blocks while it replays; what the log holds is given to `replay`, oldest first.
    static Result<std::unique_ptr<SketchLog>> open(files::Files& files, Loop& loop,
                                                   Workers& workers, SketchLogOptions options,
                                                   const std::function<void(StoredSketch)>& replay);
    ~SketchLog() override;  // after stop()

    Result<std::uint64_t> keep(const ingest::DeviceReport& report) override;
    std::uint64_t durable() const override;
    void on_durable(std::function<void(std::uint64_t)> listener) override;
    std::uint64_t log_bytes() const { return kept_bytes_; }

    Task<> stop();

 private:
    explicit SketchLog(SketchLogOptions options) : options_(std::move(options)) {}
    void account(std::uint64_t number, std::uint64_t bytes);

    struct Size {
        std::uint64_t number;
        std::uint64_t bytes;
    };
    SketchLogOptions options_;
    std::unique_ptr<files::GroupLog> log_;
    std::deque<Size> sizes_;
    std::uint64_t kept_bytes_ = 0;
};

}  // namespace mw::monitors
