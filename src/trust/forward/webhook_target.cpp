#include "platform/http/http.h"
#include "trust/forward/target.h"

namespace mw::forward {
namespace {

constexpr std::size_t webhook_answer_max = 64 * 1024;

class WebhookTarget final : public Target {
 public:
    WebhookTarget(TargetOptions options, TargetParts parts)
        : options_(std::move(options)), parts_(std::move(parts)) {}

    Task<> send(std::vector<audit::Fact> facts) override {
        CO_TRY(const auto url, http::parse_url(options_.webhook));
        http::ClientOptions to;
        to.server.host = url.host;
        to.server.port = url.port;
        to.server.resolver = &parts_.workers;
        if (url.tls) {
            CO_TRY(to.server.tls, options_.tls());
        }
        to.limit = parts_.pace.limit;
        to.body_limit = webhook_answer_max;
        to.keep_alive = false;
        http::Client client(parts_.loop, std::move(to));
        http::Request request;
        request.method = http::Method::post;
        CO_TRY(auto target, http::parse_target(url.path));
        request.path = std::move(target.first);
        request.query = std::move(target.second);
        request.body = webhook_body(facts, parts_.host);
        request.headers.set("Content-Type", "application/json");
        // The same batch has the same name, whenever it comes again.
        request.headers.set("Millwright-Delivery", options_.name + "-" +
                                                       std::to_string(facts.front().sequence) +
                                                       "-" + std::to_string(facts.back().sequence));
        if (!options_.secret.empty())
            request.headers.set(
                "Millwright-Signature",
                webhook_signature(options_.secret, parts_.clock.now(), request.body));
        auto requesting = client.request(std::move(request));
        CO_TRY(const auto response, co_await std::move(requesting));
        if (response.status >= 200 && response.status < 300) co_return Result<>{};
        co_return Error{Errc::io_failed, "the webhook answered " + std::to_string(response.status)};
    }

 private:
    const TargetOptions options_;
    TargetParts parts_;
};

}  // namespace

std::unique_ptr<Target> webhook_target(TargetOptions options, TargetParts parts) {
    return std::make_unique<WebhookTarget>(std::move(options), std::move(parts));
}

}  // namespace mw::forward
