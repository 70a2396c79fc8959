"""An Apache Kafka that lets nobody in without TLS or a password, and the certificates that it and its clients show."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.kafka import SHORT_LIVED, ApacheKafka, free_ports

USER, PASSWORD, KEY_PASSWORD = "ebbtide", "h1dden-'word%s{0}", "k3y-word"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class Authority:
    """A certificate authority of a test; files are PEM."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name
        self.file = directory / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate(name, name, self._key, self._key, None)
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, host: str | None = None, password: str | None = None) -> tuple[Path, Path]:
        """Return the files of a new certificate and of its key, which a password may protect."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, key_file = self.directory / f"{name}.crt.pem", self.directory / f"{name}.key.pem"
        certificate.write_bytes(_certificate(name, self.name, key, self._key, host).public_bytes(Encoding.PEM))
        locked: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        return certificate, key_file


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, host: str | None
) -> x509.Certificate:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=key is signer, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if host:
        built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
    return built.sign(signer, hashes.SHA256())


class SecureKafka(ApacheKafka):
    """A broker with three ways in: SASL over TLS at `address`, TLS with a client's certificate, SASL in the clear.

    `more`: lines of its properties; `user`, `password`: of the administrator.
    """

    def __init__(self, directory: Path, *more: str, user: str = USER, password: str = PASSWORD) -> None:
        self.authority, self.more = Authority(directory, "authority"), more
        ports = free_ports(4)
        self.certificate_address, self.clear_address = (f"127.0.0.1:{port}" for port in ports[2:])
        properties = directory / "secure.properties"
        properties.write_text("\n".join(self._properties(ports, directory)))
        users = "\n".join(f"SCRAM-SHA-{size}=[name={USER},password={PASSWORD}]" for size in (256, 512))
        client = {
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(cafile=str(self.authority.file)),
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }
        super().__init__(ports[:2], {**SHORT_LIVED, "KAFKA_PROPERTIES": str(properties), "KAFKA_SCRAM": users}, client)

    def _properties(self, ports: Sequence[int], directory: Path) -> list[str]:
        names = dict(zip(("SASL_SSL", "CONTROLLER", "SSL", "SASL_PLAINTEXT"), ports, strict=True))
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in names.items()]
        certificate, key = self.authority.issue("broker", "127.0.0.1")
        both = directory / "broker.pem"
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        return [
            f"listeners={','.join(listeners)}",
            f"advertised.listeners={','.join(listener for listener in listeners if 'CONTROLLER' not in listener)}",
            "listener.security.protocol.map=" + ",".join(f"{n}:{n.replace('CONTROLLER', 'PLAINTEXT')}" for n in names),
            "inter.broker.listener.name=SASL_SSL",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            *(line for name in ("sasl_ssl", "sasl_plaintext") for line in _logins(f"listener.name.{name}")),
            "listener.name.ssl.ssl.client.auth=required",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={both}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.authority.file}",
            *self.more,
            "",
        ]


def _logins(listener: str) -> list[str]:
    users = f'username="broker" password="broker" user_broker="broker" user_{USER}="{PASSWORD}"'
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return [
        f"{listener}.plain.sasl.jaas.config={PLAIN} required {users};",
        *(f"{listener}.scram-sha-{size}.sasl.jaas.config={scram}" for size in (256, 512)),
    ]
