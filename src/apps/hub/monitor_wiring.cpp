#include "apps/hub/monitor_wiring.h"

namespace mw::hub {
namespace {
constexpr std::size_t piece_bytes = std::size_t{4} << 20;
constexpr std::uint64_t bundle_bytes_max = std::uint64_t{300} << 20;
}  // namespace

MonitorWiring::MonitorWiring(Parts parts) : blobs_(parts.blobs) {
    auto read = [this](std::string sha256) { return bundle(std::move(sha256)); };
    monitors_ = std::make_unique<monitors::Monitors>(monitors::Monitors::Parts{
        parts.loop, parts.workers, parts.store, parts.queries, parts.sketches, std::move(read)});
}

Task<Json> MonitorWiring::acknowledge(std::string monitor, std::string actor) {
    CO_TRY(const Resource seen,
           co_await monitors_->acknowledge(std::move(monitor), std::move(actor)));
    co_return to_json(seen);
}

Task<Bytes> MonitorWiring::bundle(std::string sha256) {
    CO_TRY(const auto blob, co_await blobs_.stat(sha256));
    if (blob.size > bundle_bytes_max)
        co_return Error{Errc::invalid_input, "bundle " + sha256 + " is too large"};
    Bytes bytes;
    while (bytes.size() < blob.size) {
        CO_TRY(const Bytes part, co_await blobs_.read(sha256, bytes.size(), piece_bytes));
        if (part.empty()) co_return Error{Errc::corrupt, "blob " + sha256 + " ends too early"};
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    co_return bytes;
}

}  // namespace mw::hub
