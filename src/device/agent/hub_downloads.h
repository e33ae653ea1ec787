#pragma once
// Blobs of the hub as the update machine wants them: from any byte on. Belongs to the agent's loop.

#include "device/agent/hub_link.h"
#include "device/updates/updates.h"

namespace mw::agent {

class HubDownloads final : public updates::Downloads {
 public:
    explicit HubDownloads(HubLink& hub) : hub_(hub) {}
    Task<std::unique_ptr<updates::Download>> open(std::string sha256,
                                                  std::uint64_t offset) override;

 private:
    HubLink& hub_;
};

}  // namespace mw::agent
