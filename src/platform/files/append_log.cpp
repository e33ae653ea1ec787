#include "platform/files/append_log.h"

#include <algorithm>
#include <limits>

#include "platform/files/append_log_format.h"
#include "platform/files/files.h"
#include "platform/files/spare_segment.h"

namespace mw::files {
namespace {

constexpr std::size_t read_chunk = std::size_t{256} << 10;
// A spare segment is written twice, first as zeros: not worth it for large groups, which wait for
// their own bytes most of the time, nor for a log that is hardly used.
constexpr std::uint64_t small_group_bytes = std::uint64_t{64} << 10;
constexpr std::uint64_t groups_before_spare = 16;

Result<std::optional<format::Header>> read_header(Files& files, const std::string& path) {
    TRY(auto file, files.open(path, Mode::read));
    Bytes bytes(format::header_bytes);
    TRY(auto got, file->read_at(0, bytes));
    bytes.resize(got);
    return format::decode_header(bytes);
}

Result<> check(const format::Header& header, const AppendLogOptions& options,
               const std::string& path) {
    if (header.purpose == options.purpose && header.version == format::version) return {};
    return Error{Errc::corrupt, path + " is version " + std::to_string(header.version) +
                                    " of a \"" + header.purpose + "\" log; want version " +
                                    std::to_string(format::version) + " of \"" + options.purpose +
                                    "\""};
}

// How many bytes the item at an offset needs to be readable, as far as one can see.
std::size_t wanted_at(ByteView bytes, std::size_t offset) {
    if (bytes.size() - offset < format::frame_head_bytes) return format::frame_head_bytes;
    return format::frame_head_bytes + load_le<std::uint32_t>(bytes.data() + offset + 4);
}

}  // namespace

AppendLog::AppendLog(Files& files, AppendLogOptions options)
    : files_(&files), options_(std::move(options)) {}
AppendLog::AppendLog(AppendLog&&) noexcept = default;
AppendLog& AppendLog::operator=(AppendLog&&) noexcept = default;
AppendLog::~AppendLog() = default;

Result<AppendLog> AppendLog::open(Files& files, AppendLogOptions options, const Visitor& visit) {
    ASSERT(options.purpose.size() <= format::purpose_bytes);
    AppendLog log(files, std::move(options));
    auto outcome = log.recover(visit);
    if (!outcome) return std::move(outcome).error().context("open log " + log.options_.directory);
    return log;
}

std::uint64_t AppendLog::first() const {
    return segments_.empty() ? next_ : segments_.front().first_number;
}

std::uint64_t AppendLog::bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : segments_) sum += segment.bytes;
    return sum;
}

Result<> AppendLog::commit(FrameGroup& group) {
    if (group.empty()) return {};
    ASSERT(group.first() >= next_);
    if (needs_segment(group)) TRY_VOID(start_segment());
    TRY_VOID(write_group(group));
    ++groups_;
    group_bytes_ += group.bytes();
    last_ = group.last();
    next_ = last_ + 1;
    return {};
}

Result<std::uint64_t> AppendLog::append(ByteView payload) {
    if (payload.size() > options_.frame_bytes_max)
        return Error{Errc::invalid_input, "append to " + options_.directory + ": " +
                                              std::to_string(payload.size()) + " bytes, at most " +
                                              std::to_string(options_.frame_bytes_max)};
    FrameGroup group;
    group.add(next_, payload);
    TRY_VOID(commit(group));
    return last_;
}

bool AppendLog::wants_spare() const {
    if (!active_ || spare_ || groups_ < groups_before_spare) return false;
    if (group_bytes_ / groups_ > small_group_bytes) return false;
    const auto bytes = segments_.back().bytes;
    return zeros_end_ <= bytes || bytes > options_.segment_bytes / 2;
}

void AppendLog::use_spare(SpareSegment spare) {
    spare_ = std::make_unique<SpareSegment>(std::move(spare));
}

bool AppendLog::needs_segment(const FrameGroup& group) const {
    if (!active_ || rotate_) return true;
    const auto bytes = segments_.back().bytes;
    if (spare_ && zeros_end_ <= bytes) return true;
    return bytes > format::header_bytes && bytes + group.bytes() > options_.segment_bytes;
}

// The header is durable before the first frame is written, so a bad header in front of frames is
// rot, and one without frames is a crash.
Result<> AppendLog::start_segment() {
    active_.reset();
    auto id = next_id_++;  // never reused: a leftover that can't be removed must not be in the way
    auto path = join(options_.directory, format::segment_name(id));
    const auto header = format::encode_header(options_.purpose, next_, last_);
    zeros_end_ = spare_ ? spare_->bytes : header.size();
    auto file = spare_ ? name_spare(path, header) : make_segment(path, header);
    auto outcome = file ? files_->sync_directory(options_.directory) : std::move(file).error();
    if (!outcome) {
        ignore(files_->remove(path), "a segment without frames is harmless");
        return outcome;
    }
    active_ = std::move(*file);
    segments_.push_back({id, next_, header.size(), path});
    groups_ = group_bytes_ = 0;
    rotate_ = false;
    return {};
}

Result<std::unique_ptr<File>> AppendLog::make_segment(const std::string& path, ByteView header) {
    TRY(auto file, files_->open(path, Mode::create_new));
    TRY_VOID(file->append(header));
    TRY_VOID(file->sync());
    return file;
}

Result<std::unique_ptr<File>> AppendLog::name_spare(const std::string& path, ByteView header) {
    const auto spare = std::move(spare_);
    TRY_VOID(spare->file->write_at(0, header));
    TRY_VOID(spare->file->sync());
    spare->file.reset();
    TRY_VOID(files_->rename(spare->path, path));
    return files_->open(path, Mode::write);
}

Result<> AppendLog::write_group(FrameGroup& group) {
    auto& segment = segments_.back();
    format::finish_item(std::span(group.bytes_).first(format::frame_head_bytes), format::mark_magic,
                        last_);
    const bool grows = zeros_end_ <= segment.bytes;
    auto outcome =
        grows ? active_->append(group.bytes_) : active_->write_at(segment.bytes, group.bytes_);
    bool written = outcome.ok();
    if (written) outcome = active_->sync();
    if (outcome) {
        last_group_ = {segment.id, segment.bytes};
        segment.bytes += group.bytes_.size();
        return {};
    }
    // A failed write can be taken back. After a failed sync the kernel may report success next time
    // without having written, so the group must go into another file; the next segment's first
    // number makes what may be left of it here void.
    bool taken_back = active_->truncate(segment.bytes).ok();
    zeros_end_ = segment.bytes;
    if (written || !taken_back) {
        active_.reset();
        rotate_ = true;
    }
    return outcome;
}

Result<> AppendLog::drop(std::uint64_t through) {
    while (segments_.size() > 1 && segments_[1].first_number <= through + 1) {
        const auto& path = segments_.front().path;
        auto gone = options_.recycles ? recycle_segment(*files_, path) : files_->remove(path);
        if (!gone && gone.error().code != Errc::not_found) return gone;
        segments_.erase(segments_.begin());
    }
    return {};
}

struct AppendLog::Found : AppendLog::Segment {
    std::optional<format::Header> header;
};

Result<> AppendLog::recover(const Visitor& visit) {
    TRY_VOID(files_->make_directories(options_.directory));
    TRY_VOID(remove_spare_segments(*files_, options_.directory));
    TRY(auto entries, files_->list(options_.directory));
    std::vector<Found> found;
    for (const auto& entry : entries) {
        auto id = format::segment_id(entry.name);
        if (!id) continue;
        next_id_ = *id + 1;
        Found segment;
        segment.id = *id;
        segment.bytes = entry.size;
        segment.path = join(options_.directory, entry.name);
        TRY(segment.header, read_header(*files_, segment.path));
        if (segment.header) TRY_VOID(check(*segment.header, options_, segment.path));
        found.push_back(std::move(segment));
    }
    for (std::size_t i = 0; i < found.size(); ++i) TRY_VOID(recover_segment(found, i, visit));
    next_ = std::max({next_, last_ + 1, options_.next_number_min});
    if (segments_.empty() || rotate_) return {};
    TRY(active_, files_->open(segments_.back().path, Mode::write));
    return {};
}

// Segment i, given what the headers behind it say about it.
Result<> AppendLog::recover_segment(std::vector<Found>& found, std::size_t i,
                                    const Visitor& visit) {
    auto& segment = found[i];
    ScanContext context{options_.purpose, last_good_, last_};
    for (std::size_t k = found.size(); --k > i;) {
        if (!found[k].header) continue;
        context.end_number = std::min(context.end_number, found[k].header->first_number);
        context.synced_through = std::max(last_, found[k].header->number_before);
    }
    if (!segment.header && segment.bytes <= format::header_bytes) {
        // Made in the instant of a crash: frames come only after the header is durable.
        report_.torn_bytes += segment.bytes;
        return files_->remove(segment.path);
    }
    TRY(auto bytes, read_all(*files_, segment.path));
    auto placed = [&](const LogFrame& frame) {
        if (!visit) return;
        const auto at = static_cast<std::uint64_t>(frame.payload.data() - bytes.data());
        visit({frame.number, frame.payload, segment.id, at - format::frame_head_bytes});
    };
    auto scan = scan_segment(bytes, context, placed);
    for (auto& damage : scan.damage) {
        damage.path = segment.path;
        report_.damage.push_back(damage);
    }
    report_.frames += scan.frames;
    segment.first_number = segment.header    ? segment.header->first_number
                           : scan.frames > 0 ? scan.first_number
                                             : last_ + 1;
    if (scan.frames > 0) last_good_ = scan.last_number;
    last_ = std::max({last_, last_good_, scan.synced_through});
    next_ = std::max(next_, segment.first_number);
    rotate_ = scan.rotten_tail || !scan.header_ok;  // the evidence stays
    bool is_last = i + 1 == found.size();
    if (is_last && !rotate_ && scan.good_bytes < segment.bytes)
        TRY_VOID(cut_tail(segment, bytes, scan.good_bytes));
    if (!rotate_) segment.bytes = scan.good_bytes;  // zeros that stayed behind them do not count
    segments_.push_back(std::move(segment));
    return {};
}

Result<> AppendLog::cut_tail(Segment& segment, ByteView bytes, std::uint64_t good_bytes) {
    TRY(auto file, files_->open(segment.path, Mode::write));
    TRY_VOID(file->truncate(good_bytes));
    TRY_VOID(file->sync());
    const auto tail = bytes.subspan(static_cast<std::size_t>(good_bytes));
    if (std::any_of(tail.begin(), tail.end(), [](std::uint8_t byte) { return byte != 0; }))
        report_.torn_bytes += tail.size();
    segment.bytes = good_bytes;
    return {};
}

Result<LogFrame> AppendLog::read(Cursor& cursor) {
    while (const auto* segment = place(cursor)) {
        auto item = format::item_at(cursor.bytes, cursor.offset);
        if (!item) {
            TRY(bool more, load(cursor, *segment, wanted_at(cursor.bytes, cursor.offset)));
            if (more) continue;
            // All that the segment holds is in memory and doesn't start a frame: rot, or its end.
            cursor.offset = format::next_item(cursor.bytes, cursor.offset);
            if (cursor.offset < cursor.bytes.size()) continue;
            if (segment == &segments_.back()) break;
            cursor.next_number = std::max(cursor.next_number, end_number(*segment));
            continue;
        }
        cursor.offset += item->bytes();
        if (item->mark || item->number < cursor.next_number) continue;
        if (item->number >= end_number(*segment)) {
            cursor.next_number = end_number(*segment);
            continue;
        }
        cursor.next_number = item->number + 1;
        return LogFrame{item->number, item->payload};
    }
    return LogFrame{};
}

// The segment that holds the cursor's number; a cursor that enters it starts at its first frame.
const AppendLog::Segment* AppendLog::place(Cursor& cursor) const {
    if (segments_.empty() || cursor.next_number >= next_) return nullptr;
    auto behind = std::upper_bound(
        segments_.begin(), segments_.end(), cursor.next_number,
        [](std::uint64_t number, const Segment& s) { return number < s.first_number; });
    const auto& segment = behind == segments_.begin() ? segments_.front() : *std::prev(behind);
    if (cursor.segment != segment.id) {
        cursor.segment = segment.id;
        cursor.base = format::header_bytes;
        cursor.bytes.clear();
        cursor.offset = 0;
    }
    return &segment;
}

// Moves the cursor's window so that it begins at the next frame and holds at least `wanted` bytes,
// or all there is. False: it did already hold all there is.
Result<bool> AppendLog::load(Cursor& cursor, const Segment& segment, std::size_t wanted) {
    auto begin = cursor.base + cursor.offset;
    auto have = cursor.bytes.size() - cursor.offset;
    auto there = segment.bytes > begin ? segment.bytes - begin : 0;
    if (have >= wanted) wanted = static_cast<std::size_t>(there);  // not a frame: look at the rest
    if (have >= there) return false;
    Bytes bytes(std::min<std::uint64_t>(there, std::max(wanted, read_chunk)));
    TRY(auto file, files_->open(segment.path, Mode::read));
    TRY(auto got, file->read_at(begin, bytes));
    if (got < bytes.size())
        return Error{Errc::corrupt, segment.path + " is shorter than what was written to it"};
    cursor.bytes = std::move(bytes);
    cursor.base = begin;
    cursor.offset = 0;
    return true;
}

std::uint64_t AppendLog::end_number(const Segment& segment) const {
    return &segment == &segments_.back() ? next_ : (&segment + 1)->first_number;
}

}  // namespace mw::files
