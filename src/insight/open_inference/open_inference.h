#pragma once
// The door of insight/open_inference: the Open Inference Protocol, version 2 (KServe), over HTTP
// with JSON and with the binary tensor extension, the same on hub and gateway.
//
//   Tensor, InferRequest, decode, encode   tensors.h    a request's bytes and a response's
//   Models, Description                    models.h     whoever has models (a seam)
//   Protocol                               protocol.h   the routes
//
// Belongs to its loop. Limits: those of Limits.

#include "insight/open_inference/models.h"
#include "insight/open_inference/protocol.h"
#include "insight/open_inference/tensors.h"
