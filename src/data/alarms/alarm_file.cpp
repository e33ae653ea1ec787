#include "data/alarms/alarm_file.h"

#include <algorithm>
#include <map>

#include "base/log.h"

namespace mw::alarms {
namespace {

constexpr std::size_t per_frame = 200;  // alarms or tracks
constexpr std::uint64_t compact_least = std::uint64_t{256} << 10;
constexpr std::uint64_t compact_factor = 4;

std::string frame_of(const alerts::AlarmRecord& record, std::size_t from) {
    JsonObject object;
    const auto part = [&](const auto& all) {
        JsonArray items;
        for (std::size_t i = from; i < all.size() && i < from + per_frame; ++i)
            items.push_back(alerts::to_json(all[i]));
        return items;
    };
    object["alarms"] = part(record.alarms);
    object["tracks"] = part(record.tracks);
    return to_json(Json(std::move(object)));
}

std::vector<std::string> frames_of(const alerts::AlarmRecord& record) {
    std::vector<std::string> frames;
    const std::size_t most = std::max(record.alarms.size(), record.tracks.size());
    for (std::size_t from = 0; from < most; from += per_frame)
        frames.push_back(frame_of(record, from));
    return frames;
}

template <class Item, class Parse>
Result<> read_items(const Json& frame, std::string_view key, std::vector<Item>& into, Parse parse) {
    const Json* items = find(frame, key);
    if (!items || !items->is_array())
        return Error{Errc::corrupt, "'" + std::string(key) + "' is not an array"};
    for (const auto& item : items->get_array()) {
        TRY(auto parsed, parse(item));
        into.push_back(std::move(parsed));
    }
    return {};
}

// Later items take the place of earlier ones of the same key.
template <class Item, class Key>
void keep_latest(std::vector<Item>& items, Key key_of) {
    std::map<std::string, std::size_t> newest;
    for (std::size_t i = 0; i < items.size(); ++i) newest[key_of(items[i])] = i;
    std::vector<Item> kept;
    for (const auto& [key, index] : newest) kept.push_back(std::move(items[index]));
    items = std::move(kept);
}

void keep_latest(alerts::AlarmRecord& record) {
    keep_latest(record.alarms, [](const alerts::Alarm& alarm) { return alarm.id; });
    keep_latest(record.tracks,
                [](const alerts::Track& track) { return track.device + '/' + track.rule; });
    std::erase_if(record.tracks, [](const alerts::Track& track) {
        return track.state == alerts::State::ok && track.cursor == Timestamp{};
    });
}

}  // namespace

Result<std::unique_ptr<AlarmFile>> AlarmFile::open(files::Files& files, Loop& loop,
                                                   Workers& workers, std::string directory) {
    std::unique_ptr<AlarmFile> made(new AlarmFile());
    files::GroupLogOptions options;
    options.log.directory = std::move(directory);
    options.log.purpose = "alarms";
    options.log.segment_bytes = std::size_t{1} << 20;
    auto log =
        files::GroupLog::open(files, loop, workers, std::move(options),
                              [&](const files::LogFrame& frame) { made->replay(frame.payload); });
    if (!log) return std::move(log).error().context("alarm log");
    made->log_ = std::move(log).value();
    keep_latest(made->state_);
    if (made->unreadable_ > 0)
        log::warn("alarms.log.frames_skipped", {{"frames", made->unreadable_}});
    TRY_VOID(made->compact().context("alarm log"));
    return made;
}

AlarmFile::~AlarmFile() = default;

void AlarmFile::replay(ByteView frame) {
    alerts::AlarmRecord record;
    const auto read = [&]() -> Result<> {
        TRY(const Json value, parse_json(text_of(frame)));
        TRY_VOID(read_items(value, "alarms", record.alarms, alerts::alarm_from_json));
        return read_items(value, "tracks", record.tracks, alerts::track_from_json);
    };
    if (!read()) {
        ++unreadable_;
        return;
    }
    for (auto& alarm : record.alarms) state_.alarms.push_back(std::move(alarm));
    for (auto& track : record.tracks) state_.tracks.push_back(std::move(track));
    if (state_.alarms.size() + state_.tracks.size() > 100'000) keep_latest(state_);
}

// A crash between the new group and the drop leaves both; the later frames win anyway.
Result<> AlarmFile::compact() {
    files::AppendLog& log = log_->log();
    const auto frames = frames_of(state_);
    std::uint64_t needed = 0;
    for (const auto& frame : frames) needed += frame.size();
    if (log.bytes() < compact_least || log.bytes() < compact_factor * needed) return {};
    const std::uint64_t old = log.next() - 1;
    log.rotate();
    for (const auto& frame : frames) {
        TRY(const auto number, log.append(bytes_of(frame)));
        static_cast<void>(number);
    }
    return log.drop(old);
}

Task<alerts::AlarmRecord> AlarmFile::load() { co_return std::exchange(state_, {}); }

Task<> AlarmFile::append(alerts::AlarmRecord record) {
    for (const auto& frame : frames_of(record)) {
        auto number = log_->append(bytes_of(frame));
        if (!number) co_return std::move(number).error().context("alarm log");
    }
    co_return co_await log_->flush();
}

Task<> AlarmFile::stop() { return log_->stop(); }

}  // namespace mw::alarms
