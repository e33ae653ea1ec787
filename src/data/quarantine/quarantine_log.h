#pragma once
// The log of what was decided about points. Belongs to the control loop; opening blocks. Limit:
// 100,000 records, all in memory, about 400 bytes each; then append says overloaded.

#include <memory>
#include <string>

#include "data/quarantine/record.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::quarantine {

constexpr std::size_t records_max = 100'000;

class QuarantineLog {
 public:
    // Replays the log. A frame that can't be read is counted and left out.
    static Result<std::unique_ptr<QuarantineLog>> open(files::Files& files, Loop& loop,
                                                       Workers& workers, std::string directory,
                                                       std::size_t most = records_max);
    ~QuarantineLog();  // after stop()

    // The record as it is stored, durable when this returns. What has been decided of the same
    // points, and of none of them otherwise since, is not written again: that record is given.
    Task<Record> append(Record record);

    // By number; a snapshot for any thread.
    std::shared_ptr<const Records> records() const { return records_; }
    std::uint64_t unreadable_frames() const { return unreadable_; }
    Task<> stop();

 private:
    QuarantineLog() = default;
    const Record* said_already(const Record& record) const;

    std::unique_ptr<files::GroupLog> log_;
    std::shared_ptr<const Records> records_ = std::make_shared<Records>();
    std::size_t most_ = records_max;
    std::uint64_t unreadable_ = 0;
};

}  // namespace mw::quarantine
