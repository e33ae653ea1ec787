#include "data/quarantine/quarantine_log.h"

#include <algorithm>

#include "base/log.h"

namespace mw::quarantine {
namespace {

constexpr std::int64_t frame_version = 1;

std::string frame_of_record(const Record& record) {
    Json object = to_json(record);
    object.get_object()["v"] = frame_version;
    return mw::to_json(object);
}

Result<Record> record_of_frame(ByteView frame) {
    TRY(const Json value, parse_json(text_of(frame)));
    if (find_integer(value, "v") != frame_version)
        return Error{Errc::corrupt, "a frame of another version"};
    return record_from_json(value);
}

}  // namespace

QuarantineLog::~QuarantineLog() = default;

Result<std::unique_ptr<QuarantineLog>> QuarantineLog::open(files::Files& files, Loop& loop,
                                                           Workers& workers, std::string directory,
                                                           std::size_t most) {
    std::unique_ptr<QuarantineLog> made(new QuarantineLog());
    made->most_ = most;
    files::GroupLogOptions options;
    options.log.directory = std::move(directory);
    options.log.purpose = "quarantine";
    options.log.segment_bytes = std::size_t{1} << 20;
    auto records = std::make_shared<Records>();
    const auto replay = [&](const files::LogFrame& frame) {
        auto record = record_of_frame(frame.payload);
        if (!record) {
            ++made->unreadable_;
            return;
        }
        record->number = frame.number;
        records->push_back(std::move(*record));
    };
    auto log = files::GroupLog::open(files, loop, workers, std::move(options), replay);
    if (!log) return std::move(log).error().context("quarantine");
    made->log_ = std::move(log).value();
    made->records_ = std::move(records);
    if (made->unreadable_ > 0)
        log::warn("quarantine.log.frames_skipped", {{"frames", made->unreadable_}});
    return made;
}

// Later records about some of the points would win over it, so then it has to be said again.
const Record* QuarantineLog::said_already(const Record& record) const {
    const auto newest = std::find_if(records_->rbegin(), records_->rend(),
                                     [&](const Record& other) { return other.touches(record); });
    const bool same =
        newest != records_->rend() && newest->same_points(record) && newest->verb == record.verb;
    return same ? &*newest : nullptr;
}

Task<Record> QuarantineLog::append(Record record) {
    CO_TRY_VOID(check(record));
    if (const Record* before = said_already(record)) {
        const Record same = *before;
        CO_TRY_VOID(co_await log_->flush());  // it may have been said while the disk refused
        co_return same;
    }
    if (records_->size() >= most_)
        co_return Error{Errc::overloaded, "quarantine: there are " + std::to_string(most_) +
                                              " records already; decide about longer stretches"};
    const std::string frame = frame_of_record(record);
    auto number = log_->append(bytes_of(frame));
    if (!number) co_return std::move(number).error().context("quarantine");
    record.number = *number;
    auto records = std::make_shared<Records>(*records_);  // queries hold the old ones
    records->push_back(record);
    records_ = std::move(records);
    CO_TRY_VOID(co_await log_->flush());
    co_return record;
}

Task<> QuarantineLog::stop() { return log_->stop(); }

}  // namespace mw::quarantine
