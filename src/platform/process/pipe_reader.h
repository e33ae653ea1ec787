#pragma once
// Inside platform/process: what a child writes, read as it comes, so that it never waits for us.

#include <functional>
#include <string_view>

#include "platform/process/child.h"

namespace mw::process {

class PipeReader final : public Watcher {
 public:
    using OnBytes = std::function<void(std::string_view)>;  // empty: the end

    PipeReader(Loop& loop, OnBytes on_bytes) : loop_(loop), on_bytes_(std::move(on_bytes)) {}
    ~PipeReader() override { stop(); }
    Result<> start(Descriptor from);
    // What is there now, and nothing more: others may hold the other end open for ever.
    void finish();

 private:
    void on_ready(std::uint32_t) override;
    bool read_piece();  // false: nothing is there now
    void stop();

    Loop& loop_;
    OnBytes on_bytes_;
    Descriptor from_;
    bool watched_ = false;
};

}  // namespace mw::process
