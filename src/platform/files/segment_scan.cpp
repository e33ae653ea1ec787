#include <algorithm>

#include "platform/files/append_log.h"
#include "platform/files/append_log_format.h"

namespace mw::files {
namespace {

// Valid items without a gap between them.
struct Region {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint64_t first = 0;  // frame numbers; 0: marks only
    std::uint64_t last = 0;
};

struct Survey {
    std::vector<Region> regions;
    std::uint64_t synced_through = 0;  // say the marks
};

// Checks every checksum once. Frames whose numbers do not grow are somebody's stale bytes.
Survey survey(ByteView bytes, std::size_t offset, std::uint64_t last) {
    Survey found;
    bool joined = false;
    while (offset < bytes.size()) {
        auto item = format::item_at(bytes, offset);
        if (!item || (!item->mark && item->number <= last)) {
            joined = false;
            offset = format::next_item(bytes, offset + 1);
            continue;
        }
        if (!joined) found.regions.push_back({offset, offset});
        joined = true;
        auto& region = found.regions.back();
        offset += item->bytes();
        region.end = offset;
        if (item->mark) {
            found.synced_through = std::max(found.synced_through, item->number);
        } else {
            if (region.first == 0) region.first = item->number;
            region.last = last = item->number;
        }
    }
    return found;
}

void visit_region(ByteView bytes, const Region& region, std::uint64_t end_number, SegmentScan& scan,
                  const std::function<void(const LogFrame&)>& visit) {
    for (std::size_t at = region.begin; at < region.end;) {
        auto item = format::known_item_at(bytes, at);
        at += item.bytes();
        if (item.mark || item.number >= end_number) continue;
        if (scan.frames++ == 0) scan.first_number = item.number;
        scan.last_number = item.number;
        if (visit) visit({item.number, item.payload});
    }
    scan.good_bytes = region.end;
}

}  // namespace

SegmentScan scan_segment(ByteView bytes, const ScanContext& context,
                         const std::function<void(const LogFrame&)>& visit) {
    SegmentScan scan;
    auto header = format::decode_header(bytes);
    scan.header_ok =
        header && header->version == format::version && header->purpose == context.purpose;
    auto number_before = scan.header_ok ? header->first_number - 1 : context.number_before;
    scan.good_bytes = scan.header_ok ? format::header_bytes : 0;
    scan.last_number = number_before;
    auto found = survey(bytes, scan.good_bytes, number_before);
    scan.synced_through =
        std::max({context.synced_through, found.synced_through, context.number_before,
                  scan.header_ok ? header->number_before : 0});
    auto proved = std::max(scan.synced_through, number_before);

    for (const auto& region : found.regions) {
        if (region.begin > scan.good_bytes) {
            // Something between what we have and this region is unreadable. It is rot if it was
            // synced. What was not synced ends the log: a later frame may stand here by luck while
            // an earlier one is lost, and accepting it would break the order of streams. A header
            // is synced before any frame is written.
            bool rotten = proved > scan.last_number || scan.good_bytes == 0;
            auto before = region.first == 0 ? scan.last_number : region.first - 1;
            if (before > proved || (region.first == 0 && !rotten)) break;
            if (rotten)
                scan.damage.push_back({{},
                                       scan.good_bytes,
                                       region.begin - scan.good_bytes,
                                       scan.last_number,
                                       region.first});
        }
        visit_region(bytes, region, context.end_number, scan, visit);
    }
    scan.rotten_tail =
        scan.last_number < std::min(proved, context.end_number - 1) ||
        (!scan.header_ok && scan.good_bytes == 0 && bytes.size() > format::header_bytes);
    if (scan.rotten_tail)
        scan.damage.push_back(
            {{}, scan.good_bytes, bytes.size() - scan.good_bytes, scan.last_number, 0});
    return scan;
}

}  // namespace mw::files
