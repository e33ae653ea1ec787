#pragma once
// The alarm log (docs/formats/alarm.md): alerts::AlarmLog over an append log of JSON frames. It is
// written anew when it has grown to four times what it says.

#include <memory>
#include <string>

#include "insight/alerts/alerts.h"
#include "platform/files/files.h"

namespace mw::alarms {

class AlarmFile final : public alerts::AlarmLog {
 public:
    // Blocks while it replays. A frame that cannot be read is counted and left out.
    static Result<std::unique_ptr<AlarmFile>> open(files::Files& files, Loop& loop,
                                                   Workers& workers, std::string directory);
    ~AlarmFile() override;  // after stop()

    Task<alerts::AlarmRecord> load() override;  // once
    Task<> append(alerts::AlarmRecord record) override;

    std::uint64_t unreadable_frames() const { return unreadable_; }
    std::uint64_t bytes() const { return log_->log().bytes(); }  // between appends
    Task<> stop();

 private:
    AlarmFile() = default;
    void replay(ByteView frame);
    Result<> compact();

    std::unique_ptr<files::GroupLog> log_;
    alerts::AlarmRecord state_;  // until load()
    std::uint64_t unreadable_ = 0;
};

}  // namespace mw::alarms
