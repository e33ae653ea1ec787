#include "device/agent/hub_downloads.h"

namespace mw::agent {
namespace {

class BlobDownload final : public updates::Download {
 public:
    explicit BlobDownload(std::unique_ptr<http::Incoming> incoming)
        : incoming_(std::move(incoming)) {}
    Task<std::string> read() override { return incoming_->read(); }

 private:
    std::unique_ptr<http::Incoming> incoming_;
};

}  // namespace

Task<std::unique_ptr<updates::Download>> HubDownloads::open(std::string sha256,
                                                            std::uint64_t offset) {
    CO_TRY(auto incoming, co_await hub_.open_blob(sha256, offset));
    const int status = incoming->head().status;
    const std::string what = "downloading " + sha256 + ": the hub ";
    if (status == 416)
        co_return Error{Errc::corrupt,
                        what + "has fewer than " + std::to_string(offset) + " bytes of it"};
    // 5xx and 429 pass; 404 and 403 don't.
    if (status != 200 && status != 206) {
        const Errc code = status >= 500 ? Errc::io_failed : http::errc_of(status);
        co_return Error{code, what + "answered " + std::to_string(status)};
    }
    auto download = std::make_unique<BlobDownload>(std::move(incoming));
    download->from = status == 206 ? offset : 0;
    co_return std::unique_ptr<updates::Download>(std::move(download));
}

}  // namespace mw::agent
