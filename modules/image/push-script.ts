/**
 * Builds an image and pushes it, unless the registry has it: what Terraform runs at apply.
 *
 * POSIX shell. Everything that varies comes by environment, so nothing is ever quoted into the text: `IMAGE` (with
 * its tag; empty while that can't be known), `CONTEXT` (a folder), `PLATFORMS` (comma-separated), `BUILD_ARGS` (a
 * `NAME=value` a line), `ASSUME_ROLE_ARN` (or empty). It holds neither of the two openings of a Terraform template,
 * since Terraform reads it as one.
 *
 * With `STEP=check` it ends once it has found what it would need, and changes nothing.
 *
 * The login to ECR is handed to docker by a credential helper that takes it from the environment, so it is on no disk.
 * Other registries are pushed to with the caller's login.
 */
export const PUSH_SCRIPT = `set -eu

fail() {
  image=$IMAGE
  if [ -z "$image" ]; then image='the image'; fi
  printf 'cannot provide %s: %s\\n' "$image" "$1" >&2
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
  if docker buildx version >/dev/null 2>&1; then
    buildx=yes
  else
    # Without buildx Docker builds for its own platform alone, and takes layers of another one from its cache.
    buildx=''
    own=$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}')
    if [ "$PLATFORMS" != "$own" ]; then
      fail "docker buildx was not found, and docker alone builds for $own, not $PLATFORMS; install buildx"
    fi
  fi
}

end_of_check() {
  if [ "$STEP" = check ]; then exit 0; fi
}

assume_role() {
  if [ -z "$ASSUME_ROLE_ARN" ]; then return 0; fi
  keys=$(aws sts assume-role --region "$region" --role-arn "$ASSUME_ROLE_ARN" --role-session-name push-image \\
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text) ||
    fail "the role $ASSUME_ROLE_ARN could not be assumed; check the AWS credentials of the shell that applies"
  unset AWS_PROFILE
  AWS_ACCESS_KEY_ID=$(printf '%s' "$keys" | cut -f1)
  AWS_SECRET_ACCESS_KEY=$(printf '%s' "$keys" | cut -f2)
  AWS_SESSION_TOKEN=$(printf '%s' "$keys" | cut -f3)
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
}

# docker login would write the password to a file. This configuration has docker ask a program for it instead, and keeps
# plug-ins, contexts and builders reachable.
use_own_docker_config() {
  config=$(printenv DOCKER_CONFIG || printf '%s/.docker' "$HOME")
  DOCKER_CONTEXT=$(docker context show 2>/dev/null || printf default)
  mkdir "$work/docker" "$work/bin"
  for part in buildx cli-plugins contexts; do
    if [ -d "$config/$part" ]; then ln -s "$config/$part" "$work/docker/$part"; fi
  done
  printf '{"credHelpers":{"%s":"push-image"}}' "$registry" >"$work/docker/config.json"
  helper="$work/bin/docker-credential-push-image"
  cat >"$helper" <<'END_OF_HELPER'
#!/bin/sh
read -r server || :
if [ "$1" = get ]; then
  printf '{"ServerURL":"%s","Username":"AWS","Secret":"%s"}' "$server" "$REGISTRY_PASSWORD"
fi
END_OF_HELPER
  chmod 700 "$helper"
  "$helper" list </dev/null || fail "no program can be run in $work; set TMPDIR to a folder where one can"
  DOCKER_CONFIG="$work/docker"
  PATH="$work/bin:$PATH"
  export DOCKER_CONFIG DOCKER_CONTEXT PATH REGISTRY_PASSWORD
}

case "$registry" in
  *.dkr.ecr*.amazonaws.*)
    command -v aws >/dev/null 2>&1 ||
      fail 'the AWS CLI was not found, and the login to ECR needs it; install it'
    account=$(printf '%s' "$registry" | cut -d. -f1)
    region=$(printf '%s' "$registry" | cut -d. -f4)
    path=$(printf '%s' "$IMAGE" | cut -d/ -f2- | cut -d: -f1)
    tag=$(printf '%s' "$IMAGE" | cut -d/ -f2- | cut -d: -f2)
    assume_role
    if aws ecr describe-images --region "$region" --registry-id "$account" --repository-name "$path" \\
      --image-ids "imageTag=$tag" >/dev/null 2>&1; then
      done_already
    fi
    need_docker
    end_of_check
    REGISTRY_PASSWORD=$(aws ecr get-login-password --region "$region") ||
      fail 'aws ecr get-login-password failed; check the AWS credentials of the shell that applies'
    use_own_docker_config
    ;;
  '') need_docker ;;
  *)
    need_docker
    case "$registry" in
      localhost:* | 127.*) set -- --insecure ;;
      *) set -- ;;
    esac
    if docker manifest inspect "$@" "$IMAGE" >/dev/null 2>&1; then done_already; fi
    ;;
esac
end_of_check

# COPY keeps modes. The umask of whoever made the copy, or a transport that drops modes, must not show in the image.
chmod -R u=rwX,go=rX "$CONTEXT"

set --
while IFS= read -r argument; do
  if [ -n "$argument" ]; then set -- "$@" --build-arg "$argument"; fi
done <<END_OF_ARGUMENTS
$BUILD_ARGS
END_OF_ARGUMENTS

if [ -n "$buildx" ]; then
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
  DOCKER_BUILDKIT=0 docker build --pull --tag "$IMAGE" "$@" "$CONTEXT" || fail 'docker build failed'
  docker push "$IMAGE" || fail 'docker push failed'
fi
`;
