#include "device/agent/identity_files.h"

#include "base/json.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t pem_bytes_max = 1 << 20;

Result<std::string> read_text(files::Files& files, const std::string& path) {
    TRY(const Bytes bytes, files::read_all(files, path, pem_bytes_max));
    return std::string(bytes.begin(), bytes.end());
}

}  // namespace

Result<AgentIdentity> load_identity(files::Files& files, const std::string& directory) {
    auto text = read_text(files, files::join(directory, "agent.json"));
    if (!text && text.error().code == Errc::not_found)
        return Error{Errc::not_found, "'" + directory +
                                          "' holds no enrolled device. Next step: millwright-edge "
                                          "enroll --hub URL --token T --pin HEX --name NAME"};
    if (!text) return std::move(text).error();
    TRY(const Json value, parse_json(*text).context("reading agent.json"));
    AgentIdentity identity;
    TRY(identity.device.text, want_string(value, "device"));
    TRY(identity.hub, want_string(value, "hub"));
    TRY(identity.key_pem, read_text(files, files::join(directory, "device.key")));
    TRY(identity.chain_pem, read_text(files, files::join(directory, "device.pem")));
    TRY(identity.anchors_pem, read_text(files, files::join(directory, "anchors.pem")));
    TRY(const auto chain, crypto::certificates_from_pem(identity.chain_pem));
    identity.certificate_ends = chain.front().not_after;
    return identity;
}

Result<> save_identity(files::Files& files, const std::string& directory, const DeviceId& device,
                       const std::string& hub, const crypto::PrivateKey& key,
                       const est::Enrolled& enrolled) {
    TRY_VOID(files.make_directories(directory, 0750));
    const auto write = [&](const char* name, std::string_view text, unsigned permissions) {
        return files::atomic_replace(files, files::join(directory, name), bytes_of(text),
                                     permissions);
    };
    TRY_VOID(write("device.key", key.to_pem(), 0600));
    TRY_VOID(write("device.pem", enrolled.chain_pem(), 0640));
    TRY_VOID(write("anchors.pem", enrolled.anchors_pem(), 0640));
    // Last: while it is missing, the gateway counts as not enrolled.
    const Json value = {{"device", device.text}, {"hub", hub}};
    return write("agent.json", to_pretty_json(value) + "\n", 0640);
}

}  // namespace mw::agent
