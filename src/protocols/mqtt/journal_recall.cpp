// The part of Journal that reads records back, and moves those that had to be read.
#include <algorithm>

#include "protocols/mqtt/journal.h"

namespace mw::mqtt {
namespace {

// Old records that are read at once in order to be moved.
constexpr std::size_t recalled_bytes_max = std::size_t{1} << 20;

}  // namespace

bool Journal::is_lost(const Error& error) {
    return error.code == Errc::corrupt || error.code == Errc::not_found;
}

void Journal::read(std::vector<std::uint64_t> frames, std::function<void(Read)> then) {
    scope_.spawn(read_frames(*this, std::move(frames), std::move(then)));
}

Task<> Journal::read_frames(Journal& journal, std::vector<std::uint64_t> frames,
                            std::function<void(Read)> then) {
    const std::size_t count = frames.size();
    auto read = co_await journal.log_->read(std::move(frames));
    if (journal.scope_.cancelled()) co_return Result<>{};
    then(read ? *std::move(read) : Read(count, read.error()));
    co_return Result<>{};
}

Journal::Read Journal::read_now(Loop& loop, std::vector<std::uint64_t> frames) {
    const std::size_t count = frames.size();
    auto read = sync_wait(loop, log_->read(std::move(frames)));
    return read ? *std::move(read) : Read(count, read.error());
}

// Reading a few bytes costs as much as reading many. With segments of 8 MiB: 64 KiB.
void Journal::owe_moving(std::size_t bytes) {
    debt_ += bytes;
    if (debt_ >= options_.segment_bytes / 128 && !recalling_) recall_oldest();
}

// What was moved meanwhile is not durable where it is now; all before it is.
void Journal::recall_oldest() {
    std::vector<std::uint64_t> frames;
    std::size_t bytes = 0;
    for (const Item* item = oldest_; item != nullptr && bytes < std::min(debt_, recalled_bytes_max);
         item = item->newer_) {
        if (item->ticket() > durable()) break;
        bytes += item->place_.bytes;
        if (item->needs_record()) frames.push_back(item->place_.frame);
    }
    if (frames.empty()) return;
    recalling_ = true;
    read(frames, [this, frames](const Read& read) { move_recalled(frames, read); });
}

void Journal::move_recalled(const std::vector<std::uint64_t>& frames, const Read& read) {
    recalling_ = false;
    moving_ = true;
    std::size_t at = 0;
    debt_ = std::min(debt_, recalled_bytes_max);
    while (debt_ > 0 && has_to_move()) {
        Item& item = *oldest_;
        debt_ -= std::min<std::size_t>(debt_, item.place_.bytes);
        if (item.needs_record()) {
            while (at < frames.size() && frames[at] < item.place_.frame) ++at;
            if (at == frames.size() || frames[at] != item.place_.frame) break;  // the next time
            if (!move(item, read[at])) break;
        } else {
            item.rewrite(*this);
        }
        if (oldest_ == &item) break;  // it could not be written
        ++moved_records_;
    }
    moving_ = false;
    if (!has_to_move()) debt_ = 0;
    drop_behind();
}

// False: the disk does not give it now.
bool Journal::move(Item& item, const Result<Bytes>& read) {
    if (!read && !is_lost(read.error())) return false;
    JournalRecord record;
    if (read && decode(*read, record))
        item.rewrite_as(*this, record);
    else
        item.lost();
    return true;
}

}  // namespace mw::mqtt
