use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

const KEY_BYTES: usize = 32;

/// A text that only the holder of its person's key can read. The log's digests cover this and nothing clearer, so they can be
/// recomputed after the key is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// A nonce of 12 bytes, AES-256-GCM's ciphertext, and its tag of 16 bytes, in base64.
    cipher: String,
    /// HMAC-SHA256 by the same key of where it belongs and the ciphertext, in base64. AES-GCM alone lets one ciphertext be made that two
    /// keys open to two texts.
    commitment: String,
}

/// One person's, in one organisation.
pub struct PersonKey {
    bytes: [u8; KEY_BYTES],
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the machine gives no randomness")]
    NoRandomness,
    #[error("the sealed text and its key do not belong together")]
    NotOfThisKey,
}

impl PersonKey {
    pub fn new() -> Result<Self, Fault> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::NoRandomness)?;
        Ok(Self { bytes })
    }

    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        Ok(Self { bytes: bytes.try_into().map_err(|_| Fault::NotOfThisKey)? })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `place` says whose text it is and what of theirs: it opens nowhere else.
    pub fn seal(&self, place: &str, text: &str) -> Result<Sealed, Fault> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Fault::NoRandomness)?;
        let mut sealed = text.as_bytes().to_vec();
        let sealing = self.cipher()?.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut sealed,
        );
        sealing.map_err(|_| Fault::NotOfThisKey)?;
        let cipher = [nonce.as_slice(), &sealed].concat();
        let commitment = hmac::sign(&self.committing(), &committed(place, &cipher));
        Ok(Sealed { cipher: STANDARD.encode(cipher), commitment: STANDARD.encode(commitment.as_ref()) })
    }

    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<String, Fault> {
        let read = |text: &str| STANDARD.decode(text).map_err(|_| Fault::NotOfThisKey);
        let (cipher, commitment) = (read(&sealed.cipher)?, read(&sealed.commitment)?);
        hmac::verify(&self.committing(), &committed(place, &cipher), &commitment).map_err(|_| Fault::NotOfThisKey)?;
        let (nonce, text) = cipher.split_first_chunk::<NONCE_LEN>().ok_or(Fault::NotOfThisKey)?;
        let mut text = text.to_vec();
        let opening =
            self.cipher()?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.as_bytes()), &mut text);
        let clear = opening.map_err(|_| Fault::NotOfThisKey)?;
        String::from_utf8(clear.to_vec()).map_err(|_| Fault::NotOfThisKey)
    }

    /// What of a text can be looked for without being read: nobody makes it, or checks a guess by it, without the key.
    pub fn mark(&self, place: &str, text: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.derived("mark").as_ref());
        hmac::sign(&key, &committed(place, text.as_bytes())).as_ref().to_vec()
    }

    fn cipher(&self) -> Result<LessSafeKey, Fault> {
        let key = self.derived("seal");
        UnboundKey::new(&AES_256_GCM, key.as_ref()).map(LessSafeKey::new).map_err(|_| Fault::NotOfThisKey)
    }

    fn committing(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.derived("commit").as_ref())
    }

    /// One key for each of its uses.
    fn derived(&self, purpose: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.bytes), purpose.as_bytes())
    }
}

fn committed(place: &str, cipher: &[u8]) -> Vec<u8> {
    [place.as_bytes(), &[0], cipher].concat()
}

#[cfg(test)]
mod tests {
    use super::{Fault, PersonKey, Sealed};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn its_key_opens_it_where_it_belongs_and_nowhere_else() {
        let (key, other) = (PersonKey::new().expect("a key"), PersonKey::new().expect("a key"));
        let sealed = key.seal("o/mara/name", "Mara Lind").expect("sealed");
        assert_eq!(key.open("o/mara/name", &sealed), Ok("Mara Lind".to_owned()));
        assert_eq!(key.open("o/jo/name", &sealed), Err(Fault::NotOfThisKey));
        assert_eq!(other.open("o/mara/name", &sealed), Err(Fault::NotOfThisKey));
        let read = PersonKey::read(key.bytes()).expect("as it is kept");
        assert_eq!(read.open("o/mara/name", &sealed), Ok("Mara Lind".to_owned()));
    }

    #[test]
    fn a_mark_is_its_keys_its_places_and_its_texts() {
        let (key, other) = (PersonKey::new().expect("a key"), PersonKey::new().expect("a key"));
        let mark = key.mark("o/user_name", "mara");
        assert_eq!(key.mark("o/user_name", "mara"), mark);
        for another in
            [key.mark("o/user_name", "jo"), key.mark("p/user_name", "mara"), other.mark("o/user_name", "mara")]
        {
            assert_ne!(another, mark);
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let key = PersonKey::new().expect("a key");
        let sealed = || key.seal("o/mara/name", "Mara Lind").expect("sealed");
        assert_ne!(sealed(), sealed());
    }

    #[test]
    fn what_was_altered_does_not_open() {
        let key = PersonKey::new().expect("a key");
        let sealed = key.seal("o/mara/name", "Mara Lind").expect("sealed");
        for at in [0, 12, 25] {
            let mut cipher = STANDARD.decode(&sealed.cipher).expect("base64");
            cipher[at] ^= 1;
            let altered = Sealed { cipher: STANDARD.encode(cipher), ..sealed.clone() };
            assert_eq!(key.open("o/mara/name", &altered), Err(Fault::NotOfThisKey));
        }
        let elsewhere = key.seal("o/mara/name", "Olga").expect("sealed").commitment;
        let altered = Sealed { commitment: elsewhere, ..sealed };
        assert_eq!(key.open("o/mara/name", &altered), Err(Fault::NotOfThisKey));
    }
}
