/**
 * Builds an image and pushes it, unless the registry has it: what Terraform runs at apply.
 *
 * POSIX shell. Everything that varies comes by environment, so nothing is ever quoted into the text: `IMAGE` (with
 * its tag), `CONTEXT` (a folder), `PLATFORMS` (comma-separated), `BUILD_ARGS` (a `NAME=value` a line). It holds
 * neither of the two openings of a Terraform template, since Terraform reads it as one.
 *
 * A login to ECR is made in a Docker configuration of its own, which goes when the script ends. Other registries are
 * pushed to with the caller's login.
 */
export const PUSH_SCRIPT = `set -eu

fail() {
  printf 'cannot provide %s: %s\\n' "$IMAGE" "$1" >&2
  exit 1
}

registry=$(printf '%s' "$IMAGE" | cut -d/ -f1)
work=$(mktemp -d)
builder=''

cleanup() {
  if [ -n "$builder" ]; then docker buildx rm "$builder" >/dev/null 2>&1 || :; fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

done_already() {
  printf '%s is in the registry already\\n' "$IMAGE"
  exit 0
}

need_docker() {
  command -v docker >/dev/null 2>&1 ||
    fail 'docker was not found; install it, or push the image elsewhere and use SidecarImage.fromRepository'
  docker version >/dev/null 2>&1 ||
    fail 'docker is installed but its daemon does not answer; start it, or set DOCKER_HOST'
}

# Plug-ins, contexts and builders stay reachable; the login, written by docker in plain, is kept apart from the rest.
use_own_docker_config() {
  config=$(printenv DOCKER_CONFIG || printf '%s/.docker' "$HOME")
  DOCKER_CONTEXT=$(docker context show 2>/dev/null || printf default)
  mkdir "$work/docker"
  for part in buildx cli-plugins contexts; do
    if [ -d "$config/$part" ]; then ln -s "$config/$part" "$work/docker/$part"; fi
  done
  DOCKER_CONFIG="$work/docker"
  export DOCKER_CONFIG DOCKER_CONTEXT
}

case "$registry" in
  *.dkr.ecr*.amazonaws.*)
    command -v aws >/dev/null 2>&1 ||
      fail 'the AWS CLI was not found, and the login to ECR needs it; install it'
    account=$(printf '%s' "$registry" | cut -d. -f1)
    region=$(printf '%s' "$registry" | cut -d. -f4)
    path=$(printf '%s' "$IMAGE" | cut -d/ -f2- | cut -d: -f1)
    tag=$(printf '%s' "$IMAGE" | cut -d/ -f2- | cut -d: -f2)
    if aws ecr describe-images --region "$region" --registry-id "$account" --repository-name "$path" \\
      --image-ids "imageTag=$tag" >/dev/null 2>&1; then
      done_already
    fi
    need_docker
    use_own_docker_config
    password=$(aws ecr get-login-password --region "$region") ||
      fail 'aws ecr get-login-password failed; check the AWS credentials of the shell that applies'
    printf '%s' "$password" | docker login --username AWS --password-stdin "$registry" >/dev/null 2>"$work/login" ||
      fail "the login to $registry failed: $(cat "$work/login")"
    ;;
  *)
    need_docker
    case "$registry" in
      localhost:* | 127.*) set -- --insecure ;;
      *) set -- ;;
    esac
    if docker manifest inspect "$@" "$IMAGE" >/dev/null 2>&1; then done_already; fi
    ;;
esac

set --
while IFS= read -r argument; do
  if [ -n "$argument" ]; then set -- "$@" --build-arg "$argument"; fi
done <<END_OF_ARGUMENTS
$BUILD_ARGS
END_OF_ARGUMENTS

if docker buildx version >/dev/null 2>&1; then
  case "$PLATFORMS" in
    *,*)
      # The default builder makes several platforms only on containerd's image store; elsewhere one is made for it.
      if docker buildx inspect 2>/dev/null | grep -Eq '^Driver: +docker$' &&
        ! docker info --format '{{.DriverStatus}}' 2>/dev/null | grep -q io.containerd.snapshotter; then
        builder=$(docker buildx create --driver docker-container) ||
          fail 'no builder for several platforms could be made; make one with docker buildx create --use'
        set -- "$@" --builder "$builder"
      fi
      ;;
  esac
  # Attestations would add entries to the index that scanners and older runtimes trip over.
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker buildx build --platform "$PLATFORMS" --push --tag "$IMAGE" "$@" "$CONTEXT" ||
    fail 'docker buildx build failed'
else
  # Without buildx Docker builds for its own platform alone, and takes layers of another one from its cache.
  own=$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}')
  if [ "$PLATFORMS" != "$own" ]; then
    fail "docker buildx was not found, and docker alone builds for $own, not $PLATFORMS; install buildx"
  fi
  DOCKER_BUILDKIT=0 docker build --pull --tag "$IMAGE" "$@" "$CONTEXT" || fail 'docker build failed'
  docker push "$IMAGE" || fail 'docker push failed'
fi
`;
