#pragma once
// `millwright ca`: authorities by hand, in DATA/pki, with what DATA/hub.yaml says of tokens. Beside
// a hub that runs, which takes up what was installed at its next SIGHUP.

#include <string>

#include "apps/hub/hub_options.h"
#include "base/json.h"

namespace mw::hub {

struct CaOrder {
    std::string directory;  // DATA
    std::string organisation = "Millwright";
    std::string offline_root, root_uri, issuing_uri;  // init; issuing_uri: request, install
    std::string request, certificate, root, key;      // files
    std::string authority;    // request, install: one of hub.yaml's; empty: the default one
    std::string root_folder;  // sign
    std::string token_module, token_pin_file;  // sign, where there is no hub.yaml
    int days = 3650;
};
// Each answers what is to be told: JSON of the authorities there are.
Result<Json> ca_init(const CaOrder& order);
Result<Json> ca_show(const CaOrder& order);
Result<std::string> ca_request(const CaOrder& order);  // PEM
Result<std::string> ca_sign(const CaOrder& order);     // PEM
Result<Json> ca_install(const CaOrder& order);

}  // namespace mw::hub
