#pragma once
// Who someone is: principals, the authority that vouches for devices, and reading a peer's
// certificate. CertificateAuthority belongs to the control loop; Peers and Principal to anybody.
// Limits: names of 63 characters, certificates of 64 KiB.

#include "trust/identity/authority.h"
#include "trust/identity/ceremony.h"
#include "trust/identity/issued_log.h"
#include "trust/identity/key_index.h"
#include "trust/identity/peers.h"
#include "trust/identity/principal.h"
#include "trust/identity/purposes.h"
#include "trust/identity/release.h"
#include "trust/identity/revocation_book.h"
#include "trust/identity/signing_key.h"
