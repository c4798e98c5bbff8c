// SPDX-License-Identifier: MIT
#include "scene.h"

struct rig_peer pub, sub;
struct bytes fast, slow, barrier;

void scene_start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_fence(&sub);
	wire_message(&fast, "t/u", "fast");
	wire_puback(&slow, 3);
	wire_subscribe(&barrier, "a/b");
}
