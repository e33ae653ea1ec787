#include "apps/hub/audit_wiring.h"

#include "base/log.h"

namespace mw::hub {
namespace {

constexpr nanoseconds signed_every = minutes{1};

class AuditKey final : public audit::Signer {
 public:
    explicit AuditKey(std::unique_ptr<identity::SigningKey> key) : key_(std::move(key)) {}
    Result<Bytes> sign(ByteView message) const override { return key_->sign(message); }
    const Bytes& chain() const override { return key_->chain(); }

 private:
    std::unique_ptr<identity::SigningKey> key_;
};

}  // namespace

Result<std::unique_ptr<AuditWiring>> AuditWiring::open(files::Files& files, const Clock& clock,
                                                       identity::CertificateAuthority& authority,
                                                       const std::string& pki_directory,
                                                       registry::Registry& registry) {
    TRY(auto key, identity::SigningKey::open(files, clock, authority, pki_directory, "audit"));
    registry.sign_heads_with(std::make_shared<const AuditKey>(std::move(key)));
    return std::unique_ptr<AuditWiring>(new AuditWiring(registry));
}

Task<> AuditWiring::keep_signing() {
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(signed_every));
        const auto head = co_await registry_.sign_head();
        if (!head && head.error().code == Errc::cancelled) co_return head.error();
        if (!head) log::warn("hub.audit.head_failed", {{"reason", head.error()}});
    }
}

void AuditWiring::start_forwarding(std::unique_ptr<forward::Forwarder> forwarder) {
    forwarder_ = std::move(forwarder);
    forwarder_->start();
}

Task<std::vector<audit::Fact>> AuditWiring::Facts::facts(std::uint64_t after, std::size_t limit) {
    return registry_.facts(after, limit);
}

Task<std::uint64_t> AuditWiring::Facts::newest() {
    registry::FactQuery query;
    query.limit = 1, query.newest = true;
    auto finding = registry_.find_facts(std::move(query));
    CO_TRY(const auto page, co_await std::move(finding));
    co_return page.items.empty() ? std::uint64_t{0} : page.items.back().sequence;
}

Task<> AuditWiring::stop() {
    if (forwarder_) ignore(co_await forwarder_->stop(), "the next start sends what is left");
    CO_TRY(const auto head, co_await registry_.sign_head());
    log::info("hub.audit.head_signed", {{"facts", head.size}});
    co_return Result<>{};
}

}  // namespace mw::hub
