#pragma once
// Enrolment over Secure Transport: how devices get and renew their certificates.
//   Enroller            enroller.h   the seam that fleet/onboarding implements
//   add_routes          server.h     the operations on platform/http
//   read_request ...    messages.h   what requests hold and responses say
//   enroll, renew       client.h     the device's side, trusting a pinned root

#include "protocols/est/client.h"
#include "protocols/est/enroller.h"
#include "protocols/est/messages.h"
#include "protocols/est/server.h"
