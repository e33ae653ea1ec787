#include "trust/forward/target.h"

namespace mw::forward {
namespace {

class SyslogTarget final : public Target {
 public:
    SyslogTarget(TargetOptions options, TargetParts parts)
        : options_(std::move(options)), parts_(std::move(parts)) {}

    // Syslog has no answer. What was written counts as taken if the peer is still there a while
    // later; what the peer's own buffers lose is out of our sight.
    Task<> send(std::vector<audit::Fact> facts) override {
        if (!stream_) {
            auto connecting = connect();
            CO_TRY(stream_, co_await std::move(connecting));
        }
        auto writing = write(std::move(facts));
        auto outcome = co_await std::move(writing);
        if (!outcome) stream_.reset();
        co_return outcome;
    }

 private:
    Task<std::unique_ptr<net::Stream>> connect() {
        CO_TRY(const auto address, syslog_address(options_.syslog));
        net::ConnectOptions to;
        to.host = address.host;
        to.port = address.port;
        to.resolver = &parts_.workers;
        to.limit = parts_.pace.limit;
        if (address.tls) {
            CO_TRY(to.tls, options_.tls());
        }
        auto connecting = net::connect(std::move(to));
        co_return co_await std::move(connecting);
    }

    Task<> write(std::vector<audit::Fact> facts) {
        for (const auto& fact : facts) {
            const auto frame = syslog_frame(fact, parts_.host);
            CO_TRY_VOID(stream_->write(frame));
            auto room = within(parts_.pace.limit, stream_->writable());
            CO_TRY_VOID(co_await std::move(room));
        }
        auto flushing = within(parts_.pace.limit, stream_->flush());
        CO_TRY_VOID(co_await std::move(flushing));
        auto watching = within(parts_.pace.settle, stream_->read());
        const auto heard = co_await std::move(watching);
        if (!heard && heard.error().code == Errc::timed_out) co_return Result<>{};
        if (!heard) co_return heard.error();
        if (!heard->empty()) co_return Result<>{};  // talks back: nobody asked, and it is there
        co_return Error{Errc::io_failed, "the syslog server closed the connection"};
    }

    const TargetOptions options_;
    TargetParts parts_;
    std::unique_ptr<net::Stream> stream_;
};

}  // namespace

std::unique_ptr<Target> syslog_target(TargetOptions options, TargetParts parts) {
    return std::make_unique<SyslogTarget>(std::move(options), std::move(parts));
}

}  // namespace mw::forward
