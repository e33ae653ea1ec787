#include "domain/point.h"

#include <atomic>

#include "platform/crypto/crypto.h"

namespace mw {

SeriesId series_id(std::string_view device, std::string_view signal) {
    std::string key;
    key.reserve(device.size() + 1 + signal.size());
    key.append(device).push_back('\0');
    key.append(signal);
    const auto digest = crypto::sha256(bytes_of(key));
    return {load_le<std::uint64_t>(digest.data())};
}

std::uint64_t new_form() {
    static std::atomic<std::uint64_t> newest{0};
    return newest.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Batch::clear() {
    form = 0;
    position = {};
    replayed = false;
    runs.clear();
    times.clear();
    values.clear();
    quality.clear();
    boxes.clear();
}

}  // namespace mw
