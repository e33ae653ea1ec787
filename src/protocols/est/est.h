#pragma once
// Enrolment over Secure Transport: how devices get and renew their certificates.
//   Enroller            enroller.h   the seam that fleet/onboarding implements
//   add_routes          server.h     cacerts, simpleenroll, simplereenroll on platform/http
//   enroll, renew       client.h     the device's side, trusting a pinned root

#include "protocols/est/client.h"
#include "protocols/est/enroller.h"
#include "protocols/est/server.h"
