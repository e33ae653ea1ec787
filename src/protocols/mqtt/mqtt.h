#pragma once
// The door to MQTT: broker, client, and the seams that a hub fills (Uplink, Authorizer).
// The codec is part of the door, because tests and tools speak packets.

#include "protocols/mqtt/authenticator.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/options.h"
#include "protocols/mqtt/packet.h"
#include "protocols/mqtt/reason.h"
#include "protocols/mqtt/redirect.h"
#include "protocols/mqtt/scram.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/uplink.h"
