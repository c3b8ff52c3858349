/**
 * Lets a cdktn app take constructs that were made with cdktf: import it once, before the app is made. An app whose
 * `cdktf` is an alias of cdktn needs none of this. See docs/cdktn.md.
 *
 * The two libraries recognize each other's constructs and share their tokens. Measured with cdktn 0.24, they differ in
 * the two things below.
 */
import { Aspects, TerraformElement } from 'cdktf';
import * as cdktn from 'cdktn';

// cdktn calls it on every element before a synth. It forgets what only newer bindings note.
const prototype = TerraformElement.prototype as { _resetResolveDiscoveredProviderFeatureUsage?: () => void };
prototype._resetResolveDiscoveredProviderFeatureUsage ??= () => {};

// Each keeps its aspects under a symbol of its own, and the app's synth knows those of cdktn alone.
Aspects.of = scope => cdktn.Aspects.of(scope) as unknown as Aspects;
